// Exported counts what each package of a module shows its users: files, lines,
// the median lines of a file, and exported names, methods and fields. Tests,
// nested modules, commands and internal packages are not counted.
//
//	go run ./exported [-list] [checkout]
//
// -list prints the exported items, one a line, in place of the counts.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	list := flag.Bool("list", false, "print the exported items, not the counts")
	flag.Parse()
	root := "."
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	packages, err := readTree(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "exported:", err)
		os.Exit(1)
	}
	if *list {
		printItems(os.Stdout, packages)
		return
	}
	printCounts(os.Stdout, packages)
}

// pkg is one package of the module.
type pkg struct {
	dir   string   // relative to the module's root
	lines []int    // of each file
	items []string // exported: "Name", "Type.Method", "Type.Field"
}

// readTree reads the packages of the module at root.
func readTree(root string) ([]*pkg, error) {
	var packages []*pkg
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if path != root && skipped(path, d.Name()) {
			return filepath.SkipDir
		}
		p, err := readPackage(root, path)
		if p != nil {
			packages = append(packages, p)
		}
		return err
	})
	return packages, err
}

// skipped reports whether a directory holds nothing for users.
func skipped(path, name string) bool {
	if name == "testdata" || name == "internal" || strings.HasPrefix(name, ".") {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

// readPackage returns nil for a directory without files of a library.
func readPackage(root, dir string) (*pkg, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	p := &pkg{}
	if p.dir, err = filepath.Rel(root, dir); err != nil {
		return nil, err
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		if err != nil {
			return nil, err
		}
		if file.Name.Name == "main" {
			return nil, nil
		}
		p.lines = append(p.lines, bytes.Count(source, []byte("\n")))
		p.items = append(p.items, exported(file)...)
	}
	if len(p.lines) == 0 {
		return nil, nil
	}
	slices.Sort(p.lines)
	slices.Sort(p.items)
	return p, nil
}

// exported returns the exported items of a file.
func exported(file *ast.File) []string {
	var items []string
	add := func(prefix string, names ...*ast.Ident) {
		for _, name := range names {
			if name.IsExported() {
				items = append(items, prefix+name.Name)
			}
		}
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				add("", d.Name)
			} else if typ := typeName(d.Recv.List[0].Type); typ.IsExported() {
				add(typ.Name+".", d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					add("", s.Names...)
				case *ast.TypeSpec:
					add("", s.Name)
					if s.Name.IsExported() {
						addMembers(add, s)
					}
				}
			}
		}
	}
	return items
}

// addMembers adds the exported fields of a struct and methods of an interface.
func addMembers(add func(string, ...*ast.Ident), s *ast.TypeSpec) {
	var members *ast.FieldList
	switch t := s.Type.(type) {
	case *ast.StructType:
		members = t.Fields
	case *ast.InterfaceType:
		members = t.Methods
	default:
		return
	}
	for _, f := range members.List {
		if f.Names == nil {
			if name := typeName(f.Type); name != nil {
				add(s.Name.Name+".", name)
			}
		}
		add(s.Name.Name+".", f.Names...)
	}
}

// typeName returns the name of a receiver's or an embedded type, nil when it
// has none.
func typeName(e ast.Expr) *ast.Ident {
	switch t := e.(type) {
	case *ast.Ident:
		return t
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.IndexListExpr:
		return typeName(t.X)
	case *ast.SelectorExpr:
		return t.Sel
	}
	return nil
}

func printItems(w io.Writer, packages []*pkg) {
	for _, p := range packages {
		for _, item := range p.items {
			fmt.Fprintf(w, "%s %s\n", p.dir, item)
		}
	}
}

func printCounts(w io.Writer, packages []*pkg) {
	const format = "%-20s %6d %7d %7d %9d\n"
	fmt.Fprintf(w, "%-20s %6s %7s %7s %9s\n", "package", "files", "lines", "median", "exported")
	var all pkg
	for _, p := range packages {
		fmt.Fprintf(w, format, p.dir, len(p.lines), sum(p.lines), p.lines[len(p.lines)/2], len(p.items))
		all.lines = append(all.lines, p.lines...)
		all.items = append(all.items, p.items...)
	}
	if len(all.lines) == 0 {
		return
	}
	slices.Sort(all.lines)
	fmt.Fprintf(w, format, "all", len(all.lines), sum(all.lines), all.lines[len(all.lines)/2], len(all.items))
}

func sum(list []int) (n int) {
	for _, v := range list {
		n += v
	}
	return n
}
