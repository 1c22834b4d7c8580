package main

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
)

// switched is a mutant beside the code it changes, behind a switch: one binary holds many
// mutants, and a test chooses one at its start. Compiling takes longer than most mutants
// take to be noticed.
type switched struct {
	start, end int                // the octets that are replaced
	text       func(n int) string // what replaces them in mutant n
}

// switchedForms returns the ways to switch between a node and its mutant, the first
// that compiles being the best: a value of its type, a condition, a statement.
func (v *finder) switchedForms(n ast.Node, m mutant) (forms []switched) {
	around := append(slices.Clone(v.stack), n)
	if e, ok := n.(ast.Expr); ok {
		if typ := v.typeOf(e); typ != "" {
			forms = append(forms, v.switchedForm(n, m, "mutantPick[%[4]s](%[1]d, %[2]s, %[3]s)", typ))
		}
	}
	for i := len(around) - 1; i >= 0; i-- {
		if e, ok := around[i].(ast.Expr); ok && v.isCondition(e) {
			forms = append(forms, v.switchedForm(e, m, "(mutantIs(%[1]d) && (%[2]s) || !mutantIs(%[1]d) && (%[3]s))"))
			break
		}
		if _, ok := around[i].(ast.Stmt); ok {
			break
		}
	}
	for i := len(around) - 1; i > 0; i-- {
		if s, ok := around[i].(ast.Stmt); ok && isList(around[i-1]) && !isClause(s) {
			forms = append(forms, v.switchedForm(s, m, "if mutantIs(%[1]d) { %[2]s } else { %[3]s }"))
			break
		}
	}
	return forms
}

// switchedForm returns a form by a format of the mutant's number, the text of the
// node with the mutant, that without it, and more.
func (v *finder) switchedForm(n ast.Node, m mutant, format string, more ...any) switched {
	start, end := v.fset.Position(n.Pos()).Offset, v.fset.Position(n.End()).Offset
	text := m.file.text
	changed := string(text[start:m.start]) + m.text + string(text[m.end:end])
	return switched{start, end, func(number int) string {
		return fmt.Sprintf(format, append([]any{number, changed, string(text[start:end])}, more...)...)
	}}
}

// typeOf returns the type of a number or a name, as the file can write it. It returns
// "" for other expressions: they may be too much to evaluate twice.
func (v *finder) typeOf(e ast.Expr) string {
	switch e.(type) {
	case *ast.BasicLit, *ast.Ident, *ast.SelectorExpr:
	default:
		return ""
	}
	typ := v.info.TypeOf(e)
	if basic, ok := typ.(*types.Basic); typ == nil || ok && basic.Info()&types.IsUntyped != 0 {
		return ""
	}
	return types.TypeString(typ, func(p *types.Package) string {
		if p.Path() == v.path {
			return ""
		}
		return p.Name()
	})
}

func (v *finder) isCondition(e ast.Expr) bool {
	typ := v.info.TypeOf(e)
	if typ == nil {
		return false
	}
	basic, ok := typ.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsBoolean != 0
}

// isList reports whether a node holds a list of statements.
func isList(n ast.Node) bool {
	_, ok := n.(*ast.BlockStmt)
	return ok || isClause(n)
}

func isClause(n ast.Node) bool {
	switch n.(type) {
	case *ast.CaseClause, *ast.CommClause:
		return true
	}
	return false
}
