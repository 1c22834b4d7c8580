package main

import (
	"go/ast"
	"go/constant"
	"go/types"
	"slices"
)

// roomMakers are the functions beside make whose last argument is the size of a buffer.
var roomMakers = []string{"Grow", "NewReaderSize", "NewWriterSize"}

// isRoom reports whether a node is in an argument that only makes room: a capacity of
// make, or the size of a buffer.
func (v *finder) isRoom(n ast.Node) bool {
	for _, around := range v.stack {
		call, ok := around.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			continue
		}
		last := len(call.Args) - 1
		switch f := call.Fun.(type) {
		case *ast.Ident:
			if f.Name != "make" {
				continue
			}
			if _, isMap := v.info.TypeOf(call).Underlying().(*types.Map); last < 2 && !(last == 1 && isMap) {
				continue
			}
		case *ast.SelectorExpr:
			if !slices.Contains(roomMakers, f.Sel.Name) {
				continue
			}
		default:
			continue
		}
		if arg := call.Args[last]; arg.Pos() <= n.Pos() && n.End() <= arg.End() {
			return true
		}
	}
	return false
}

// isBesideError reports whether a number, true or false is returned as it is beside an
// error: whoever gets an error reads nothing else.
func (v *finder) isBesideError(n ast.Expr) bool {
	r, ok := v.stack[len(v.stack)-2].(*ast.ReturnStmt)
	if !ok {
		return false
	}
	err, ok := v.errorOf(r)
	return ok && !isNil(err) && err != n
}

// isMeasured reports whether a comparison is of floating-point numbers without a constant
// 0: their equality is a coincidence.
func (v *finder) isMeasured(n *ast.BinaryExpr) bool {
	for _, side := range []ast.Expr{n.X, n.Y} {
		typ, ok := v.info.TypeOf(side).Underlying().(*types.Basic)
		if !ok || typ.Info()&types.IsFloat == 0 {
			return false
		}
		if value := v.info.Types[side].Value; value != nil && constant.Sign(value) == 0 {
			return false
		}
	}
	return true
}
