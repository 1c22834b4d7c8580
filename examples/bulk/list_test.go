package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writeFile makes a file of the test's own.
func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readAll gives what a list holds, a line of text for each row.
func readAll(l *list) ([]string, error) {
	var got []string
	for rows := l.rows(); ; {
		r, err := rows.next()
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		text := fmt.Sprintf("%d %s", r.line, strings.Join(r.values, "|"))
		if r.err != nil {
			text = fmt.Sprintf("%d %s! %v", r.line, r.address, r.err)
		}
		got = append(got, text)
	}
}

func TestList(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"plain":          {"a@x.example\nb@x.example\n", []string{"1 a@x.example", "2 b@x.example"}},
		"no last line":   {"a@x.example\nb@x.example", []string{"1 a@x.example", "2 b@x.example"}},
		"CRLF and space": {"a@x.example \r\n\tb@x.example\r\n", []string{"1 a@x.example", "2 b@x.example"}},
		"skipped lines":  {"\n# c\n  # d\na@x.example\n\n  \nb@x.example\n", []string{"4 a@x.example", "7 b@x.example"}},
		"byte order":     {"\xef\xbb\xbfa@x.example\n", []string{"1 a@x.example"}},
		"bad lines": {"a@x.example\nnobody\nb@x.example\n",
			[]string{"1 a@x.example", `2 nobody! address "nobody": no @`, "3 b@x.example"}},
		"quoted comma": {"\"a,b\"@x.example\n", []string{`1 "a,b"@x.example`}},
		"CSV": {"name,email,city\nAnn,a@x.example,Bonn\n\"B, Bob\",b@x.example,\n",
			[]string{"2 Ann|a@x.example|Bonn", "3 B, Bob|b@x.example|"}},
		"CSV of one column":  {"email\na@x.example\n\nb@x.example\n", []string{"2 a@x.example", "4 b@x.example"}},
		"CSV capitals, mark": {"\xef\xbb\xbf\"Email\",Name\r\na@x.example,Ann\r\n", []string{"2 a@x.example|Ann"}},
		"CSV comments": {"# made by hand\n  # and more\nemail,name\n#x\n  # y,z\na@x.example,Ann\n,,,\n",
			[]string{"6 a@x.example|Ann"}},
		"CSV empty rows": {"email,name\n,\na@x.example,Ann\n", []string{"3 a@x.example|Ann"}},
		"CSV value of two lines": {"email,name\na@x.example,\"Ann\nSmith\"\nb@x.example,Bob\n",
			[]string{"2 a@x.example|Ann\nSmith", "4 b@x.example|Bob"}},
		"CSV bad rows": {"email,name\na@x.example,Ann,more\nb@x.example,B\"ob\nnobody,N\nc@x.example,C\xf6\nd@x.example,D\n", []string{
			"2 a@x.example! 3 values where the header has 2 columns",
			`3 b@x.example! bare " in non-quoted-field`,
			`4 nobody! address "nobody": no @`,
			`5 c@x.example! the value of "name" is not UTF-8 text`,
			"6 d@x.example|D",
		}},
		"CSV NUL": {"email,name\na@x.example,A\x00\n", []string{`2 a@x.example! the value of "name" is not UTF-8 text`}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := openList(writeFile(t, "list", c.content))
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			for range 2 { // it is read twice
				got, err := readAll(l)
				if err != nil || !slices.Equal(got, c.want) {
					t.Errorf("got %q, %v\nwant %q", got, err, c.want)
				}
			}
		})
	}
}

func TestListErrors(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"nothing":            {"", "the list is empty"},
		"only comments":      {"# a\n\n#b\n", "the list is empty"},
		"no column email":    {"name,address\nAnn,a@x.example\n", `list:1: a list with columns needs a header with a column "email"`},
		"no header":          {"# x\na@x.example,Ann\n", "list:2: a list with columns"},
		"semicolons":         {"email;name\na@x.example;Ann\n", "separated by commas"},
		"column twice":       {"email,name,name\n", `two columns are called "name"`},
		"email twice":        {"email,Email\n", `two columns are called "email"`},
		"open quote":         {"email,name\na@x.example,\"Ann\nb@x.example,Bob\n", "list:2: an entry of several lines"},
		"quotes that meet":   {"email,name\na@x.example,\"Ann\nb@x.example,\"Bob\nc@x.example,C\n", "list:2: an entry of several lines"},
		"too few, two lines": {"email,name\n\"a@x.example\nb@x.example\"\n", "list:2: an entry of several lines"},
		"endless quote":      {"email,name\na@x.example,\"" + strings.Repeat("x\n", maxRecord), "is a quote not closed?"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := openList(writeFile(t, "list", c.content))
			if err == nil {
				defer l.close()
				_, err = readAll(l)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestListUnreadable(t *testing.T) {
	if _, err := openList(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("openList of no file: %v", err)
	}
	if _, err := openList(t.TempDir()); err == nil {
		t.Error("openList of a directory: no error")
	}
}

// A line without end is one bad entry, and takes no memory.
func TestListLongLine(t *testing.T) {
	l, err := openList(writeFile(t, "list", "a@x.example\n"+strings.Repeat("x", 1<<20)+"\nb@x.example\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	got, err := readAll(l)
	if err != nil || len(got) != 3 || !strings.HasPrefix(got[1], "2 x") || got[2] != "3 b@x.example" {
		t.Errorf("got %.200q, %v", got, err)
	}
}

func FuzzList(f *testing.F) {
	f.Add("a@x.example\nb\n")
	f.Add("email,name\na@x.example,\"A\nb\"\n\"")
	f.Add("\xef\xbb\xbf# x\nemail\n\n")
	f.Fuzz(func(t *testing.T, content string) {
		l, err := openList(writeFile(t, "list", content))
		if err != nil {
			return
		}
		defer l.close()
		for rows, line := l.rows(), 0; ; {
			r, err := rows.next()
			if err != nil {
				return
			}
			if r.line <= line {
				t.Fatalf("line %d after line %d", r.line, line)
			}
			if line = r.line; r.err == nil && (len(r.values) != len(l.names) || r.values[l.email] != r.address) {
				t.Fatalf("row %+v for columns %q", r, l.names)
			}
		}
	})
}
