package odmvet

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/ast/inspector"
)

// functions finds the functions and methods of the package, and the variables that are declared
// with a function literal.
func functions(info *types.Info, ins *inspector.Inspector) map[types.Object]ast.Node {
	fns := map[types.Object]ast.Node{}
	literal := func(name *ast.Ident, value ast.Expr) {
		if lit, ok := ast.Unparen(value).(*ast.FuncLit); ok && info.Defs[name] != nil {
			fns[info.Defs[name]] = lit
		}
	}
	ins.Preorder([]ast.Node{(*ast.FuncDecl)(nil), (*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil)}, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				fns[info.Defs[n.Name]] = n
			}
		case *ast.AssignStmt:
			for i, lhs := range n.Lhs {
				if name, ok := lhs.(*ast.Ident); ok && len(n.Lhs) == len(n.Rhs) {
					literal(name, n.Rhs[i])
				}
			}
		case *ast.ValueSpec:
			for i, value := range n.Values {
				literal(n.Names[i], value)
			}
		}
	})
	return fns
}

// find makes c the function that an argument stands for, if that is in the package.
func (c *callback) find(fns map[types.Object]ast.Node, arg ast.Expr) bool {
	var fn ast.Node
	switch arg := ast.Unparen(arg).(type) {
	case *ast.FuncLit:
		fn = arg
	case *ast.Ident:
		fn = fns[c.pass.TypesInfo.Uses[arg]]
	case *ast.SelectorExpr:
		fn = fns[c.pass.TypesInfo.Uses[arg.Sel]]
	}
	switch fn := fn.(type) {
	case *ast.FuncLit:
		c.params, c.body = fn.Type.Params, fn.Body
	case *ast.FuncDecl:
		c.params, c.body = fn.Type.Params, fn.Body
	}
	return c.body != nil
}
