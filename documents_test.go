package smtpace

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeCompiles vets every Go block of the README: a whole program as it
// is, any other as the body of a function.
func TestReadmeCompiles(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no Go block")
	}
	for i, block := range blocks {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			source := block[1]
			if !strings.HasPrefix(source, "package ") {
				if i == 0 {
					t.Error("the first block is not a whole program")
				}
				source = wrap(source)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), "README.md", source, 0); err != nil {
				t.Fatalf("%v in:\n%s", err, source)
			}
			file := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("go", "vet", file).CombinedOutput(); err != nil {
				t.Errorf("%v: %s\n%s", err, out, source)
			}
		})
	}
}

// wrap makes a program of the body of a function that may use ctx, msg and
// sender.
func wrap(body string) string {
	var imports strings.Builder
	for _, path := range []string{
		"errors", "log", "time", "github.com/smtpace/smtpace/profile", "github.com/smtpace/smtpace/throttle",
	} {
		if strings.Contains(body, path[strings.LastIndexByte(path, '/')+1:]+".") {
			fmt.Fprintf(&imports, "import %q\n", path)
		}
	}
	return fmt.Sprintf(`package main

import "context"
import "github.com/smtpace/smtpace"
import "github.com/wneessen/go-mail"
%s
func block(ctx context.Context, sender *smtpace.Sender, msg *mail.Msg) error {
%s
	return use(%s)
}

func use(...any) error { return nil }

func main() { _ = block(context.Background(), nil, nil) }
`, &imports, body, strings.Join(declared(body), ", "))
}

// declared returns what the top level of a body declares for the reader to use.
func declared(body string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^(\w+)(, err)? :=`).FindAllStringSubmatch(body, -1) {
		names = append(names, m[1])
		if m[2] != "" {
			names = append(names, "err")
		}
	}
	return names
}

// TestDocumentsAreTrue finds every Go file, test and example that the documents
// name.
func TestDocumentsAreTrue(t *testing.T) {
	files, functions := map[string]bool{}, ""
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files[path] = true
		if strings.HasSuffix(path, ".go") {
			files[filepath.Base(path)] = true
		}
		if strings.HasSuffix(path, "_test.go") {
			functions += read(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	file := regexp.MustCompile(`[\w./]*\w\.go\b`)
	function := regexp.MustCompile(`\b(?:Test|Example|Benchmark)[A-Z]\w+`)
	for _, document := range []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		text := read(t, document)
		for _, name := range file.FindAllString(text, -1) {
			if !files[name] {
				t.Errorf("%s names the file %s, which is not there", document, name)
			}
		}
		for _, name := range function.FindAllString(text, -1) {
			if !strings.Contains(functions, "func "+name) { // the documents may name a prefix
				t.Errorf("%s names %s, which is not there", document, name)
			}
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
