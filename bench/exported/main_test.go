package main

import (
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

func TestExported(t *testing.T) {
	const source = `package p
const A, b = 1, 2
var C int
func D() {}
func e() {}
type F[T any] struct { G, h int; *I; x.J }
func (f *F[T]) K() {}
func (f F[T]) l() {}
type m struct { N int }
func (m) O() {}
type P interface { Q(); r(); ~int | string }
type S = map[string]F[int]
`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := exported(file)
	want := []string{"A", "C", "D", "F", "F.G", "F.I", "F.J", "F.K", "P", "P.Q", "S"}
	if !slices.Equal(got, want) {
		t.Errorf("exported(%s) = %q, want %q", source, got, want)
	}
}
