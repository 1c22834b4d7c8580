package smtpace

import (
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/internal/race"
)

// documents are the texts that a newcomer reads.
var documents = append([]string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"}, guides...)

// guides are the texts for users beside the README.
var guides = []string{"docs/figures.md", "docs/migrating.md", "docs/recipes.md", "docs/troubleshooting.md", "examples/bulk/README.md", "examples/classify/README.md"}

// TestReadmeCompiles vets every Go block of the README and the guides: a whole program
// as it is, any other as the body of a function.
func TestReadmeCompiles(t *testing.T) {
	if race.Enabled {
		t.Skip("the compiler does the same without the race detector")
	}
	for _, document := range append([]string{"README.md"}, guides...) {
		t.Run(document, func(t *testing.T) { vetBlocks(t, document) })
	}
}

func vetBlocks(t *testing.T, document string) {
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, document), -1)
	if len(blocks) == 0 && document == "README.md" {
		t.Fatal("the README has no Go block")
	}
	for i, block := range blocks {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			source := block[1]
			if !strings.HasPrefix(source, "package ") {
				if i == 0 && document == "README.md" {
					t.Error("the first block is not a whole program")
				}
				source = wrap(source)
			}
			if formatted, err := format.Source([]byte(block[1])); err != nil || string(formatted) != block[1] {
				t.Errorf("gofmt would change it; %v", err)
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

// TestReadmeStartsWithWhatANewcomerNeeds looks for the command that fetches every
// module of the first program, and for the call that finds a wrong login.
func TestReadmeStartsWithWhatANewcomerNeeds(t *testing.T) {
	before, rest, _ := strings.Cut(read(t, "README.md"), "```go\n")
	program, _, _ := strings.Cut(rest, "```")
	for _, m := range regexp.MustCompile(`"(github\.com/[^"/]+/[^"/]+)`).FindAllStringSubmatch(program, -1) {
		if !regexp.MustCompile(`(?m)^go get .*\b` + regexp.QuoteMeta(m[1])).MatchString(before) {
			t.Errorf("no \"go get %s\" before the first program", m[1])
		}
	}
	for _, want := range []string{"func main() {", ".Verify(", ".SendMail("} {
		if !strings.Contains(program, want) {
			t.Errorf("the first program has no %s", want)
		}
	}
}

// TestReadmeHasAnExampleForEachTask looks at the tables of tasks: each row ends with an
// example or a command, and the ways that newcomers look for are among the rows.
func TestReadmeHasAnExampleForEachTask(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, "README.md"), "\n## I want to ...\n")
	tasks, _, _ := strings.Cut(rest, "\nEvery recipient ends")
	rows := regexp.MustCompile(`(?m)^\| (\w.*?) \| (.*) \| (.*?) ?\|$`).FindAllStringSubmatch(tasks, -1)
	if len(rows) < 20 {
		t.Fatalf("got %d rows, want the tasks of the README", len(rows))
	}
	uses := ""
	for _, row := range rows {
		uses += row[2] + "\n"
		if !regexp.MustCompile("`(Example|go run |cd .* && go (run|test) )").MatchString(row[3]) {
			t.Errorf("%q has no example: %q", row[1], row[3])
		}
	}
	for _, want := range []string{"Pacer.Do", "adapters", "Config.Logger", "Config.Transcript", "metrics/prometheus", "metrics/otel", "`monitor`", "`preflight`", "examples/service"} {
		if !strings.Contains(uses, want) {
			t.Errorf("no task leads to %s", want)
		}
	}
}

// wrap makes a program of the body of a function that may use ctx, msg and
// sender.
func wrap(body string) string {
	var imports strings.Builder
	for _, path := range []string{
		"errors", "log", "net/http", "os", "time", "github.com/smtpace/smtpace/monitor", "github.com/smtpace/smtpace/pool", "github.com/smtpace/smtpace/profile", "github.com/smtpace/smtpace/throttle",
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
// name, every program that they run, and the target of every link.
func TestDocumentsAreTrue(t *testing.T) {
	files, functions := map[string]bool{}, ""
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
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
	names := map[string]*regexp.Regexp{
		"file":    regexp.MustCompile(`([\w./]*\w\.go\b)`),
		"program": regexp.MustCompile(`(?:go run |go test [^|` + "`" + `\n]*|` + "`" + `)\./([a-z]\w*(?:/\w+)*)`),
		"script":  regexp.MustCompile(`((?:\.ci|bench)/[\w.]+)\b`),
		"link":    regexp.MustCompile(`\]\(([^)#:]+)\)`),
	}
	function := regexp.MustCompile(`\b(?:Test|Example|Benchmark)[A-Z]\w+`)
	for _, document := range documents {
		text := read(t, document)
		for what, pattern := range names {
			for _, m := range pattern.FindAllStringSubmatch(text, -1) {
				if name := m[1]; !files[name] && !files["bench/"+name] && !files["tools/"+name] && !files[filepath.Join(filepath.Dir(document), name)] { // some commands begin with "cd"
					t.Errorf("%s names the %s %s, which is not there", document, what, name)
				}
			}
		}
		for _, name := range function.FindAllString(text, -1) {
			if !strings.Contains(functions, "func "+name) { // the documents may name a prefix
				t.Errorf("%s names %s, which is not there", document, name)
			}
		}
	}
}

// TestGoVersionIsOne compares the version of Go in go.mod with those that the
// README, the workflow and the nested modules name.
func TestGoVersionIsOne(t *testing.T) {
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)\.0$`).FindStringSubmatch(read(t, "go.mod"))
	if version == nil {
		t.Fatal("go.mod names no version of Go")
	}
	for file, want := range map[string]string{
		"README.md":                "needs Go " + version[1] + ".",
		".github/workflows/ci.yml": "image: golang:" + version[1] + "-",
		"bench/go.mod":             "\ngo " + version[1] + ".0\n",
		"tools/go.mod":             "\ngo " + version[1] + ".0\n",
	} {
		if !strings.Contains(read(t, file), want) {
			t.Errorf("%s does not say %q", file, want)
		}
	}
}

// TestWorkflowRunsTheGate checks that the workflow runs the script that
// contributors run.
func TestWorkflowRunsTheGate(t *testing.T) {
	if !strings.Contains(read(t, ".github/workflows/ci.yml"), "\n      - run: .ci/run\n") {
		t.Error("the workflow does not run .ci/run")
	}
	info, err := os.Stat(".ci/run")
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode()&0o111 == 0 {
		t.Errorf(".ci/run cannot be run: its mode is %v", info.Mode())
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
