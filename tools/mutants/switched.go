package main

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
)

// switched is a mutant that stands beside the code it changes, behind a switch, so
// that one binary holds many mutants and one of them is chosen when a test starts.
// Compiling takes longer than most mutants take to be noticed.
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

// batch is a binary's mutants: one that is compiled by itself, or many behind their
// switches. The switches count from 1.
type batch struct {
	mutants []mutant
	forms   []switched // nil for a mutant by itself
}

// batches divides the mutants of a package, so that no two of a batch change the same
// code.
func (p *source) batches(mutants []mutant) (all []batch) {
	var alone []batch
	for _, m := range mutants {
		form, ok := p.switchedForm(m)
		if !ok {
			alone = append(alone, batch{mutants: []mutant{m}})
			continue
		}
		i := slices.IndexFunc(all, func(b batch) bool { return !b.overlaps(m, form) })
		if i < 0 {
			i = len(all)
			all = append(all, batch{})
		}
		all[i].mutants, all[i].forms = append(all[i].mutants, m), append(all[i].forms, form)
	}
	return append(all, alone...)
}

// switchedForm returns the first form of a mutant that compiles.
func (p *source) switchedForm(m mutant) (switched, bool) {
	i := slices.IndexFunc(m.forms, func(f switched) bool {
		return p.compiles(m.file, splice(m.file.text, f.start, f.end, f.text(1)))
	})
	if i < 0 {
		return switched{}, false
	}
	return m.forms[i], true
}

// overlaps reports whether a form changes code that one of the batch changes.
func (b batch) overlaps(m mutant, form switched) bool {
	for i, other := range b.forms {
		if b.mutants[i].file == m.file && form.start < other.end && other.start < form.end {
			return true
		}
	}
	return false
}

// number returns the number that switches on mutant i.
func (b batch) number(i int) int {
	if b.forms == nil {
		return 0
	}
	return i + 1
}

// halves returns the batch in two parts, or the one mutant that it has by itself.
func (b batch) halves() []batch {
	n := len(b.mutants) / 2
	if n == 0 {
		return []batch{{mutants: b.mutants}}
	}
	return []batch{{b.mutants[:n], b.forms[:n]}, {b.mutants[n:], b.forms[n:]}}
}

// texts returns the changed files by their names.
func (b batch) texts() map[string][]byte {
	texts := map[string][]byte{}
	if b.forms == nil {
		texts[b.mutants[0].File] = b.mutants[0].mutated()
		return texts
	}
	order := make([]int, len(b.forms)) // from the end, so that offsets stay true
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int { return b.forms[y].start - b.forms[x].start })
	for _, i := range order {
		file, form := b.mutants[i].file, b.forms[i]
		text, ok := texts[file.name]
		if !ok {
			text = file.text
		}
		texts[file.name] = splice(text, form.start, form.end, form.text(i+1))
	}
	return texts
}

// splice returns a text with another in place of a part.
func splice(text []byte, start, end int, part string) []byte {
	return slices.Concat(text[:start], []byte(part), text[end:])
}
