package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
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
		if r.comment {
			text = fmt.Sprintf("%d %s: %s", r.line, r.address, r.note)
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
		"CSV bad rows": {"email,name\na@x.example,Ann,more\nb@x.example,B\"ob\nnobody,N\nc@x.example,C\xf6\nd@x.example,Dö\n", []string{
			"2 a@x.example! 3 values where the header has 2 columns",
			`3 b@x.example|B"ob`,
			`4 nobody! address "nobody": no @`,
			`5 c@x.example! the value of "name" is not UTF-8 text`,
			"6 d@x.example|Dö",
		}},
		"CSV ragged rows": {"name,email,city,x\nAnn,a@x.example\n\"B,\nb\",b@x.example,Bonn,\nCid,c@x.example,Bonn\nDan\nEve,e@x.exa",
			[]string{"2 Ann|a@x.example||", "3 B,\nb|b@x.example|Bonn|", "5 Cid|c@x.example|Bonn|", "6 ! 1 values where the header has 4 columns", "7 e@x.exa! 2 values where the header has 4 columns"}},
		"CSV numbers that begin with #": {"shop,email\n# closed\n#1 Flowers,a@x.example\n\n\"# 2, \"\"x\"\"\",b@x.example\n#,#\n\"3\n4\",c@x.example\n#5,d@x.example\n",
			[]string{"3 a@x.example: begins with # and is skipped as a comment, although it has an address: a@x.example", "7 3\n4|c@x.example", "9 d@x.example: begins with # and is skipped as a comment, although it has an address: d@x.example"}},
		"CSV quotes within": {"email\tname\nann@x.example\tAnn \"A\" Smith\nbob@x.example\t5\" pipe\n\"cid@x.example\" \t\"Cid\"\t\n\"dan\"@x.example\tDan\n",
			[]string{"2 ann@x.example|Ann \"A\" Smith", "3 bob@x.example|5\" pipe", "4 cid@x.example|Cid", `5 ! extraneous or missing " in quoted-field`}},
		"CSV NUL": {"email,name\na@x.example,A\x00\n", []string{`2 a@x.example! the value of "name" is not UTF-8 text`}},
	} {
		t.Run(name, func(t *testing.T) {
			l := mustList(t, c.content, listOptions{})
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
		"no charset":         {"email,name\na@x.example,J\xf6rg\n", `list:2: the list is not in UTF-8. As windows-1252 "a@x.example,J\xf6rg" is "a@x.example,Jörg"`},
		"two addresses":      {"E-Mail,Email Address\na@x.example,b@x.example\n", `the address may be in "E-Mail" or in "Email Address"`},
		"header in pieces":   {"\"Email\",\"Na\"me\"\nann@x.example,A\n", "list:1: the header cannot be read"},
		"title, no header":   {"Customers;\n;\nname;address\n", `list:1: a list with columns needs a header with a column "email"; here it is Customers`},
		"title, no table":    {"Customers;\nann@x.example\n", "list:1: a list with columns"},
		"email twice":        {"email,Email\n", `two columns are called "email"`},
		"open quote":         {"email,name\na@x.example,\"Ann\nb@x.example,Bob\n", "list:2: an entry of several lines, whose quotes do not match: extraneous or missing"},
		"quotes that meet":   {"email,name\na@x.example,\"Ann\nb@x.example,\"Bob\nc@x.example,C\n", "list:2: an entry of several lines"},
		"too few, two lines": {"email,name\n\"a@x.example\nb@x.example\"\n", "list:2: an entry of several lines, whose quotes do not match: wrong number of fields"},
		"endless quote":      {"email,name\na@x.example,\"" + strings.Repeat("x\n", maxRecord), "is a quote not closed?"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := openList(writeFile(t, "list", c.content), listOptions{})
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

// utf16Text gives text in UTF-16.
func utf16Text(order binary.AppendByteOrder, s string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// Lists come as other programs save them.
func TestListOfPrograms(t *testing.T) {
	const german = "E-Mail;Name\r\nann@x.example;Jörg 😀\r\nbob@x.example;\"B; Bob\"\r\n"
	want := []string{"2 ann@x.example|Jörg 😀", "3 bob@x.example|B; Bob"}
	le, be := binary.LittleEndian, binary.BigEndian
	for name, c := range map[string]struct {
		content string
		options listOptions
		want    []string
	}{
		"semicolons":           {german, listOptions{}, want},
		"tabs":                 {"Email Address\tName\nann@x.example\t\t\nbob@x.example\tBob\n", listOptions{}, []string{"2 ann@x.example|", "3 bob@x.example|Bob"}},
		"sep=":                 {"sep=;\r\n" + german, listOptions{}, []string{"3 ann@x.example|Jörg 😀", "4 bob@x.example|B; Bob"}},
		"a comma in a name":    {"Name, first;E-mail\nAnn;ann@x.example\n", listOptions{}, []string{"2 Ann|ann@x.example"}},
		"UTF-16, mark":         {utf16Text(le, "\ufeff"+german), listOptions{}, want},
		"UTF-16, big-endian":   {utf16Text(be, "\ufeff"+german), listOptions{}, want},
		"UTF-16, no mark":      {utf16Text(le, german), listOptions{}, want},
		"big-endian, no mark":  {utf16Text(be, german), listOptions{}, want},
		"UTF-16, said":         {utf16Text(le, "\ufeff"+german), listOptions{charset: "utf-16"}, want},
		"half a pair":          {utf16Text(le, "\ufeffemail,name\nann@x.example,") + "\x3d\xd8" + utf16Text(le, "x\n"), listOptions{}, []string{"2 ann@x.example|\ufffdx"}},
		"UTF-8, mark and said": {"\xef\xbb\xbf" + german, listOptions{charset: "utf-8"}, want},
		"windows-1252":         {"email,name\nann@x.example,J\xf6rg \x80\n", listOptions{charset: "windows-1252"}, []string{"2 ann@x.example|Jörg €"}},
		"windows-1251":         {"email,name\nann@x.example,\xc8\xe2\xe0\xed\n", listOptions{charset: "windows-1251"}, []string{"2 ann@x.example|Иван"}},
		"Macintosh":            {"email,name\rann@x.example,J\x9arg\rbob@x.example,Bob\r", listOptions{charset: "macintosh"}, []string{"2 ann@x.example|Jörg", "3 bob@x.example|Bob"}},
		"CR alone":             {"ann@x.example\rbob@x.example", listOptions{}, []string{"1 ann@x.example", "2 bob@x.example"}},
		"column":               {"Mail,Name\nann@x.example,Ann\n", listOptions{column: "MAIL"}, []string{"2 ann@x.example|Ann"}},
		"one of two columns":   {"E-Mail,Email Address\na@x.example,b@x.example\n", listOptions{column: "email address"}, []string{"2 a@x.example|b@x.example"}},
		"email before others":  {"E-Mail Address,Email\na,b@x.example\n", listOptions{}, []string{"2 a|b@x.example"}},
		"a name with NBSP":     {"\ufeff\u00a0E-Mail\u200b,Name\nann@x.example,Ann\n", listOptions{}, []string{"2 ann@x.example|Ann"}},
		"spaces, quotes":       {"email, name\nann@x.example, \"Smith, Ann\" \n \"bob@x.example\",  Bob \n", listOptions{}, []string{"2 ann@x.example|Smith, Ann", "3 bob@x.example|Bob"}},
		"values too many":      {"email,name\nann@x.example,Ann,,\n", listOptions{}, []string{"2 ann@x.example|Ann"}},
		"header too long":      {"email,name,,\nann@x.example,Ann\n", listOptions{}, []string{"2 ann@x.example|Ann||"}},
		"header of two lines":  {"\"E-\nMail\",name\nann@x.example,Ann\n", listOptions{}, []string{"3 ann@x.example|Ann"}},
		"names and addresses": {"Ann Smith <ann@x.example>\n\"Bob, Jr\" <bob@x.example>,\n<cid@x.example>\nmailto:dan@x.example;\n", listOptions{},
			[]string{"1 ann@x.example", "2 bob@x.example", "3 cid@x.example", "4 dan@x.example"}},
		"title":              {"Customers of 2026;;\r\n;;\r\nE-Mail;Name;Ort\r\nann@x.example;Ann;Bonn\r\n", listOptions{}, []string{"4 ann@x.example|Ann|Bonn"}},
		"sep= in quotes":     {"\"sep=;\";\r\n" + german, listOptions{}, []string{"3 ann@x.example|Jörg 😀", "4 bob@x.example|B; Bob"}},
		"two marks":          {"\ufeff\ufeff\"Email\",Name\r\nann@x.example,Ann\r\n", listOptions{}, []string{"2 ann@x.example|Ann"}},
		"mark in quotes":     {"\"\ufeffEmail\",Name\nann@x.example,Ann\n", listOptions{}, []string{"2 ann@x.example|Ann"}},
		"UTF-32":             {"\xff\xfe\x00\x00a\x00\x00\x00@\x00\x00\x00b\x00\x00\x00\n\x00\x00\x00", listOptions{}, []string{"1 a@b"}},
		"UTF-16 in Cyrillic": {utf16Text(le, "email\tимя\r\na@x.example\t"+strings.Repeat("Иван Иванович ", 20)+"\r\n"), listOptions{}, []string{"2 a@x.example|" + strings.TrimSpace(strings.Repeat("Иван Иванович ", 20))}},
		"line ends of all":   {"Email,Name\rann@x.example,Ann\r\nbob@x.example,\"B\rb\"\ncid@x.example,C\r", listOptions{}, []string{"2 ann@x.example|Ann", "3 bob@x.example|B\rb", "4 cid@x.example|C"}},
		"address book":       {"Name,E-mail Address,E-mail Type,E-mail 2 Address\nAnn,ann@x.example,SMTP,ann2@x.example\n", listOptions{}, []string{"2 Ann|ann@x.example|SMTP|ann2@x.example"}},
		"contacts":           {"Name,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value\nAnn,* Home,ann@x.example,Work,ann2@x.example\n", listOptions{}, []string{"2 Ann|* Home|ann@x.example|Work|ann2@x.example"}},
		"two notes":          {"email,note,note\nann@x.example,a,b\n", listOptions{}, []string{"2 ann@x.example|a|b"}},
		"ends of addresses": {"email,x\n\"ann@x.example,\",1\nbob@x.example;,1\ncid@x.example.,1\n'dan@x.example',1\n\"\"\"eve@x.example\"\"\",1\n“fay@x.example”,1\nGus <'gus@x.example'>,1\nmailto:hal@x.example?subject=Hi,1\nian@x.example<mailto:ian@x.example>,1\n\"'Jo, A' <jo@x.example>;\",1\n", listOptions{}, []string{
			"2 ann@x.example|1", "3 bob@x.example|1", "4 cid@x.example|1", "5 dan@x.example|1", "6 eve@x.example|1", "7 fay@x.example|1", "8 gus@x.example|1", "9 hal@x.example|1", "10 ian@x.example|1", "11 jo@x.example|1"}},
		"quoted lines": {"\"ann@x.example\"\n\"Bob <bob@x.example>\"\n", listOptions{}, []string{"1 ann@x.example", "2 bob@x.example"}},
		"several addresses": {"cid@x.example\nAnn <ann@x.example>; Bob <bob@x.example>\nann@x.example, Bob <bob@x.example>\n\"b@y, Ann\" <ann@x.example>\n\"dan@x.example\" <dan@x.example>\n", listOptions{}, []string{"1 cid@x.example",
			`2 Ann <ann@x.example>; Bob <bob@x.example>! address "Ann <ann@x.example>; Bob <bob@x.example>": more than one address; each needs an entry of its own`,
			`3 ann@x.example, Bob <bob@x.example>! address "ann@x.example, Bob <bob@x.example>": more than one address; each needs an entry of its own`,
			"4 ann@x.example", "5 dan@x.example"}},
		"names in CSV": {"email,x\n\"Ann, Dr <ann@x.example>\",1\n", listOptions{}, []string{"2 ann@x.example|1"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := mustList(t, c.content, c.options)
			for range 2 {
				if got, err := readAll(l); err != nil || !slices.Equal(got, c.want) {
					t.Errorf("got %q, %v\nwant %q", got, err, c.want)
				}
			}
		})
	}
}

// Invisible characters are removed where that is safe, and named.
func TestListInvisible(t *testing.T) {
	const content = "email,name\n" +
		"ann@x.example\u200b,Ann\u00a0\n" + // zero-width space, NBSP
		"\u202abob@x.example\u202c,Bob\u00adby\n" +
		"c\u200did@x.example,\U0001F469\u200d\U0001F4BB\n" + // an emoji keeps its joiner
		"dan@x.example,\u05d3\u05df\u200f\n" + // Hebrew keeps its mark of direction
		"\ufeffeve@x.example,\u200fEve\n" +
		"fay\u00a0f@x.example,Fay\n" +
		"gus\ufe0f@x.example,\u2764\ufe0f\n" + // an emoji keeps its variation
		"hal\u3164@x.example,\u3164\n" +
		"ian\U000e0061@x.example,Ian\n"
	l := mustList(t, content, listOptions{})
	want := []string{
		"ann@x.example|Ann|a zero-width space (U+200B) was removed from \"email\"",
		"bob@x.example|Bobby|a mark of writing direction (U+202A) was removed from \"email\"",
		"cid@x.example|\U0001F469\u200d\U0001F4BB|a zero-width joiner (U+200D) was removed from \"email\"",
		"dan@x.example|\u05d3\u05df\u200f|",
		"eve@x.example|Eve|a byte order mark (U+FEFF) was removed from \"email\"",
		"fay\u00a0f@x.example|Fay|",
		"gus@x.example|\u2764\ufe0f|an invisible character (U+FE0F) was removed from \"email\"",
		"hal@x.example|\u3164|an invisible character (U+3164) was removed from \"email\"",
		"ian@x.example|Ian|an invisible character (U+E0061) was removed from \"email\"",
	}
	rows := l.rows()
	for i, want := range want {
		r, err := rows.next()
		if got := strings.Join(append(r.values, r.note), "|"); err != nil || got != want || (r.err != nil) != (i == 5) {
			t.Errorf("line %d: got %q, %v, %v\nwant %q", i+2, got, r.err, err, want)
		}
	}
}

func TestColumnsFind(t *testing.T) {
	c := columns{names: []string{"E-Mail", "First  Name", "name", "NAME", "R&D"}, email: 0}
	for name, want := range map[string]int{
		"email": 0, "Email": 0, "E-Mail": 0, "e-mail": 0, "first name": 1, "First\u00a0Name": 1, "first na\u200bme": 1, "name": 2, "NAME": 3, "r&d": 4,
	} {
		if got, err := c.find(name); err != nil || got != want {
			t.Errorf("%q is column %d, %v, want %d", name, got, err, want)
		}
	}
	c.names = append(c.names, "note", "note")
	for name, want := range map[string]string{"Name": "may be the column", "": "unknown name", "nmae": "unknown name", "note": `two columns are called "note"`} {
		if _, err := c.find(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
	}
}

// A charset that the list cannot have is a mistake.
func TestListOtherCharset(t *testing.T) {
	for content, charset := range map[string]string{
		"\xef\xbb\xbfa@x.example\n":                   "windows-1252",
		"email,name\na@x.example,Jörg\n":              "windows-1252",
		utf16Text(binary.LittleEndian, "a@x.example"): "utf-8",
		"\xff\xfe" + "a\x00":                          "utf-16be",
	} {
		l, err := openList(writeFile(t, "list", content), listOptions{charset: charset})
		if err == nil {
			l.close()
		}
		if err == nil || !strings.Contains(err.Error(), "and -charset says "+charset) {
			t.Errorf("%q as %s: %v", content, charset, err)
		}
	}
}

func TestListUnreadable(t *testing.T) {
	if _, err := openList(filepath.Join(t.TempDir(), "none"), listOptions{}); !os.IsNotExist(err) {
		t.Errorf("openList of no file: %v", err)
	}
	if _, err := openList(t.TempDir(), listOptions{}); err == nil {
		t.Error("openList of a directory: no error")
	}
}

// A line without end is one bad entry, and takes no memory.
func TestListLongLine(t *testing.T) {
	l := mustList(t, "a@x.example\n"+strings.Repeat("x", 1<<20)+"\nb@x.example\n", listOptions{})
	got, err := readAll(l)
	if err != nil || len(got) != 3 || !strings.HasPrefix(got[1], "2 x") || got[2] != "3 b@x.example" {
		t.Errorf("got %.200q, %v", got, err)
	}
}

func FuzzList(f *testing.F) {
	f.Add("a@x.example\nb\n")
	f.Add("email,name\na@x.example,\"A\nb\"\n\"")
	f.Add("\xef\xbb\xbf# x\nemail\n\n")
	f.Add("sep=;\r\nE-Mail;name\r\nJ\xf6rg <a@x.example>;\u200b\r\n")
	f.Add("\xff\xfea\x00@\x00x\x00\n\x00")
	f.Fuzz(func(t *testing.T, content string) {
		l, err := openList(writeFile(t, "list", content), listOptions{charset: []string{"", "utf-16", "windows-1252"}[len(content)%3]})
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

// The bound on an entry is none on the list.
func TestListsMayBeLongerThanAnEntry(t *testing.T) {
	const line = "ann@x.example,Ann of the village at the end of the road\n"
	n := maxRecord/len(line) + 2000 // and more than is read at once
	rows := mustList(t, "email,name\n"+strings.Repeat(line, n), listOptions{}).rows()
	for i := range n {
		if r, err := rows.next(); err != nil || r.err != nil || r.line != i+2 {
			t.Fatalf("entry %d of %d: got %+v, %v", i+1, n, r, err)
		}
	}
	if _, err := rows.next(); err != io.EOF {
		t.Errorf("at the end: got %v", err)
	}
}

// Empty lines between entries mean nothing, however lines end: a comment behind them that
// has an address is told as elsewhere.
func TestCommentsBehindEmptyLines(t *testing.T) {
	const list = "name,email\nA,a@x.example\n\n#B,b@x.example\nC,c@x.example\n"
	for name, content := range map[string]string{"LF": list, "CRLF": strings.ReplaceAll(list, "\n", "\r\n")} {
		rows := mustList(t, content, listOptions{}).rows()
		var got []string
		for {
			r, err := rows.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(r.line, " ", r.address, " ", r.comment))
		}
		if want := []string{"2 a@x.example false", "4 b@x.example true", "5 c@x.example false"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// Of separators that make as many columns of a header the first counts, of others the one
// that makes more.
func TestSeparatorsThatMakeColumns(t *testing.T) {
	for _, c := range []struct {
		header     string
		candidates string
		want       rune
	}{
		{"Email;Name,Zip", ";,", ';'}, {"Email;E-Mail,Email", ";,", ';'}, {"Email;E-Mail,Email", ",;", ','},
		{"Email,a;b,c", ";,", ','}, {"Email,a;b,c", ",;", ','},
	} {
		l := mustList(t, c.header+"\n", listOptions{})
		l.csv = false
		if err := l.chooseHeader(c.header, []rune(c.candidates), ""); err != nil || l.separator != c.want {
			t.Errorf("%s, of %q: got %q, %v, want %q", c.header, c.candidates, l.separator, err, c.want)
		}
	}
}
