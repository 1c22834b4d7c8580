package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// The operators; the package's comment says what each does.
const (
	conditionNegated  = "condition negated"
	conditionWeakened = "condition weakened"
	equalitySwapped   = "equality swapped"
	boundShifted      = "bound shifted"
	constantChanged   = "constant changed"
	statementRemoved  = "statement removed"
	errorSwapped      = "error swapped"
)

var operators = []string{
	conditionNegated, conditionWeakened, equalitySwapped, boundShifted, constantChanged, statementRemoved, errorSwapped,
}

// swaps are the binary operators that are changed, and into what.
var swaps = map[token.Token]struct {
	into     token.Token
	operator string
}{
	token.LAND: {token.LOR, conditionWeakened},
	token.LOR:  {token.LAND, conditionWeakened},
	token.EQL:  {token.NEQ, equalitySwapped},
	token.NEQ:  {token.EQL, equalitySwapped},
	token.LSS:  {token.LEQ, boundShifted},
	token.LEQ:  {token.LSS, boundShifted},
	token.GTR:  {token.GEQ, boundShifted},
	token.GEQ:  {token.GTR, boundShifted},
}

// finder finds the mutants of one file.
type finder struct {
	*source
	file  *file
	found []mutant
	// stack holds the nodes around the current one, which is the last.
	stack []ast.Node
	// negated holds the conditions negated as a whole: swapping their equality would make
	// the same mutant once more.
	negated map[ast.Expr]bool
}

// mutants returns all mutants of the package, whether they compile or not.
func (p *source) mutants() ([]mutant, error) {
	var found []mutant
	for _, f := range p.files {
		v := &finder{source: p, file: f, negated: map[ast.Expr]bool{}}
		ast.Inspect(f.syntax, v.visit)
		found = append(found, v.found...)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has nothing to change", p.folder)
	}
	return found, nil
}

// visit adds the mutants of a node.
func (v *finder) visit(n ast.Node) bool {
	if n == nil {
		v.stack = v.stack[:len(v.stack)-1]
		return false
	}
	v.stack = append(v.stack, n)
	switch n := n.(type) {
	case *ast.ImportSpec:
		v.stack = v.stack[:len(v.stack)-1]
		return false
	case *ast.IfStmt:
		v.negate(n.Cond)
	case *ast.SwitchStmt:
		if n.Tag == nil {
			v.negateCases(n)
		}
	case *ast.BinaryExpr:
		v.swap(n)
	case *ast.BasicLit:
		v.constant(n)
	case *ast.Ident:
		v.name(n)
	case *ast.ExprStmt, *ast.DeferStmt, *ast.IncDecStmt:
		v.remove(n, "")
	case *ast.AssignStmt:
		v.assignment(n)
	case *ast.ReturnStmt:
		v.returned(n)
	}
	return true
}

// replace adds a mutant.
func (v *finder) replace(operator string, n ast.Node, text string) {
	v.add(operator, n, n.Pos(), n.End(), text)
}

// add adds a mutant of a node, of which a part is replaced.
func (v *finder) add(operator string, n ast.Node, pos, end token.Pos, text string) {
	start := v.fset.Position(pos)
	m := mutant{
		Package: v.folder, File: v.file.name, Line: start.Line, Operator: operator,
		file: v.file, start: start.Offset, end: v.fset.Position(end).Offset, text: text,
	}
	m.forms = v.switchedForms(n, m)
	v.found = append(v.found, m)
}

// textOf returns the source of a node.
func (v *finder) textOf(n ast.Node) string {
	return string(v.file.text[v.fset.Position(n.Pos()).Offset:v.fset.Position(n.End()).Offset])
}

func (v *finder) negate(cond ast.Expr) {
	v.negated[cond] = true
	v.replace(conditionNegated, cond, "!("+v.textOf(cond)+")")
}

func (v *finder) negateCases(s *ast.SwitchStmt) {
	for _, c := range s.Body.List {
		for _, cond := range c.(*ast.CaseClause).List {
			v.negate(cond)
		}
	}
}

func (v *finder) swap(n *ast.BinaryExpr) {
	s, ok := swaps[n.Op]
	if !ok || s.operator == equalitySwapped && v.negated[n] || s.operator == boundShifted && v.isMeasured(n) {
		return
	}
	v.add(s.operator, n, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), s.into.String())
}

// constant changes an integer, unless nobody can tell.
func (v *finder) constant(n *ast.BasicLit) {
	if n.Kind != token.INT || v.isRoom(n) || v.isBesideError(n) {
		return
	}
	if i, err := strconv.ParseInt(n.Value, 0, 64); err == nil {
		v.replace(constantChanged, n, strconv.FormatInt(i+1, 10))
	}
}

// name changes true, false and the sentinels of this and other packages.
func (v *finder) name(n *ast.Ident) {
	obj := v.info.Uses[n]
	if obj == nil {
		return
	}
	if obj.Parent() == types.Universe {
		if other, ok := map[string]string{"true": "false", "false": "true"}[n.Name]; ok && !v.isBesideError(n) {
			v.replace(constantChanged, n, other)
		}
		return
	}
	variable, ok := obj.(*types.Var)
	if !ok || obj.Pkg() == nil || obj.Parent() != obj.Pkg().Scope() || variable.Type() != types.Universe.Lookup("error").Type() {
		return
	}
	if parent, ok := v.stack[len(v.stack)-2].(*ast.SelectorExpr); ok {
		v.replace(errorSwapped, parent, "errMutant")
	} else {
		v.replace(errorSwapped, n, "errMutant")
	}
}

// assignment drops the effect of an assignment, not of what is assigned.
func (v *finder) assignment(n *ast.AssignStmt) {
	if n.Tok == token.DEFINE || slices.ContainsFunc(n.Lhs, isBlank) {
		return
	}
	values := make([]string, len(n.Rhs))
	for i, value := range n.Rhs {
		values[i] = v.textOf(value)
	}
	blanks := strings.Repeat("_, ", len(n.Lhs)-1) + "_"
	v.remove(n, blanks+" = "+strings.Join(values, ", "))
}

// remove adds a mutant without a statement. The post statement of a for loop is left
// alone: that mutant would only hang.
func (v *finder) remove(n ast.Node, text string) {
	if _, between := v.stack[len(v.stack)-2].(*ast.ForStmt); !between {
		v.replace(statementRemoved, n, text)
	}
}

func isBlank(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && name.Name == "_"
}

// returned changes the error that a function returns.
func (v *finder) returned(n *ast.ReturnStmt) {
	last, ok := v.errorOf(n)
	switch {
	case !ok:
	case isNil(last):
		v.replace(errorSwapped, last, "errMutant")
	default:
		v.replace(errorSwapped, last, "nil")
	}
}

// errorOf returns what a return gives for the error of its function; false when that
// has none.
func (v *finder) errorOf(n *ast.ReturnStmt) (ast.Expr, bool) {
	results := v.results()
	if len(n.Results) == 0 || results.NumFields() != len(n.Results) {
		return nil, false
	}
	t, ok := results.List[len(results.List)-1].Type.(*ast.Ident)
	return n.Results[len(n.Results)-1], ok && t.Name == "error"
}

func isNil(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && name.Name == "nil"
}

// results returns the results of the innermost function around the current node.
func (v *finder) results() *ast.FieldList {
	for _, n := range slices.Backward(v.stack) {
		switch n := n.(type) {
		case *ast.FuncDecl:
			return n.Type.Results
		case *ast.FuncLit:
			return n.Type.Results
		}
	}
	return nil
}
