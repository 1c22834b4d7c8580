package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// source is a package, parsed and checked.
type source struct {
	root    string
	folder  string // below root, with slashes; "." means root itself
	path    string // import path
	name    string
	fset    *token.FileSet
	files   []*file
	extra   *ast.File // what extraFile holds
	info    *types.Info
	imports types.Importer
}

// file is one Go file of a source.
type file struct {
	name   string // below root, with slashes
	text   []byte
	syntax *ast.File
}

// extraFile is added to each mutated package: the error that is swapped in, and the
// switch between the mutants of a binary.
const extraFile = "zz_mutant.go"

// Environment variables: one chooses a mutant; the other names a file, to which the
// numbers of the mutants that a test reaches are added.
const (
	chosenMutant   = "SMTPACE_MUTANT"
	reachedMutants = "SMTPACE_MUTANTS_REACHED"
)

func extraText(name string) string {
	return "package " + name + `

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

var (
	errMutant      = errors.New("mutant")
	mutantChosen   = os.Getenv("` + chosenMutant + `")
	mutantsReached = os.Getenv("` + reachedMutants + `")
	mutantsSeen    sync.Map
	mutantNumber   = func() (n int) {
		fmt.Sscan(mutantChosen, &n)
		return n
	}()
)

func mutantIs(n int) bool {
	if mutantsReached != "" {
		mutantReached(n)
	}
	return n == mutantNumber
}

func mutantReached(n int) {
	if _, again := mutantsSeen.LoadOrStore(n, true); again {
		return
	}
	f, err := os.OpenFile(mutantsReached, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(f, n)
	f.Close()
}

func mutantPick[T any](n int, mutant, original T) T {
	if mutantIs(n) {
		return mutant
	}
	return original
}
`
}

// listed is the output of go list for a package.
type listed struct {
	ImportPath, Name, Dir, Export string
	GoFiles                       []string
}

// load parses and checks the packages in folders below root.
func load(root string, folders []string) ([]*source, error) {
	all, err := list(root, folders)
	if err != nil {
		return nil, err
	}
	byDir := map[string]listed{}
	exports := map[string]string{}
	for _, l := range all {
		byDir[l.Dir] = l
		exports[l.ImportPath] = l.Export
	}
	fset := token.NewFileSet()
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	imports := importer.ForCompiler(fset, "gc", lookup)
	packages := make([]*source, len(folders))
	for i, folder := range folders {
		l, ok := byDir[filepath.Join(root, filepath.FromSlash(folder))]
		if !ok {
			return nil, fmt.Errorf("%s has no package in %s", root, folder)
		}
		if packages[i], err = newSource(root, folder, l, fset, imports); err != nil {
			return nil, err
		}
	}
	return packages, nil
}

// list asks the go command for packages and all that they need.
func list(root string, folders []string) ([]listed, error) {
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Name,Dir,Export,GoFiles", "errors", "fmt", "os", "sync"}
	for _, folder := range folders {
		args = append(args, "./"+folder)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, failed.Stderr)
		}
		return nil, fmt.Errorf("go list in %s: %w", root, err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var l listed
		if err := d.Decode(&l); err != nil {
			return nil, fmt.Errorf("go list in %s: %w", root, err)
		}
		all = append(all, l)
	}
	return all, nil
}

func newSource(root, folder string, l listed, fset *token.FileSet, imports types.Importer) (*source, error) {
	p := &source{root: root, folder: folder, path: l.ImportPath, name: l.Name, fset: fset, imports: imports}
	for _, name := range l.GoFiles {
		text, err := os.ReadFile(filepath.Join(l.Dir, name))
		if err != nil {
			return nil, err
		}
		f := &file{name: strings.TrimPrefix(folder+"/"+name, "./"), text: text}
		if f.syntax, err = parser.ParseFile(fset, f.name, text, parser.SkipObjectResolution); err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
	}
	var err error
	if p.extra, err = parser.ParseFile(fset, extraFile, extraText(p.name), 0); err != nil {
		return nil, err
	}
	p.info = &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	return p, p.check(nil, nil, p.info)
}

// check checks the types of the package, with other syntax for one of its files.
func (p *source) check(other *file, syntax *ast.File, info *types.Info) error {
	files := []*ast.File{p.extra}
	for _, f := range p.files {
		if f == other {
			files = append(files, syntax)
		} else {
			files = append(files, f.syntax)
		}
	}
	_, err := (&types.Config{Importer: p.imports}).Check(p.path, p.fset, files, info)
	return err
}

// compiles reports whether the package is one with another text of a file.
func (p *source) compiles(f *file, text []byte) bool {
	syntax, err := parser.ParseFile(p.fset, f.name, text, parser.SkipObjectResolution)
	return err == nil && p.check(f, syntax, nil) == nil
}
