// Package odmvet finds calls in a transaction's callback that use a context from outside,
// and so run outside of the transaction. It is an analyzer for go vet:
//
//	go install github.com/tandemdb/tandem/odm/odmvet/cmd/odmvet
//	go vet -vettool=$(which odmvet) ./...
//
// It reports, in callbacks of Connection.Transaction, Session.WithTransaction,
// odm.InTransaction and the driver's WithTransaction:
//
//   - a context from outside that is passed to a call of odm or the driver, or to any
//     function that takes a context, or is given a name inside, unless it goes through
//     odm.WithoutSession first;
//   - a new background context that is passed so;
//   - an assignment relative to the old value of a field of a document from outside, which
//     a retry would do twice, unless the document is given to odm.Enlist.
//
// A callback may be a function literal, a variable declared with one, or a function or method of
// the package, whose receiver counts as outside. Callbacks of AfterCommit and AfterRollback have
// a context of their own, and goroutines' function literals belong to the callback they are in.
// The package knows types only; it needs neither odm nor the driver.
package odmvet

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
)

// Analyzer reports forgotten sessions and changes that a retry would repeat.
var Analyzer = &analysis.Analyzer{
	Name:     "odmvet",
	Doc:      "report calls in a transaction's callback that run outside of the transaction",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      run,
}

// The packages whose transactions are known, by the end of their paths.
const (
	odmPath    = "tandem/odm"
	driverPath = "go.mongodb.org/mongo-driver/v2/mongo"
)

func run(pass *analysis.Pass) (any, error) {
	ins := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
	fns := functions(pass.TypesInfo, ins)
	checked := map[*ast.BlockStmt]bool{} // a function can be the callback of several transactions
	ins.Preorder([]ast.Node{(*ast.CallExpr)(nil)}, func(n ast.Node) {
		call := n.(*ast.CallExpr)
		if !startsTransaction(pass.TypesInfo, call) {
			return
		}
		for _, arg := range call.Args {
			c := callback{pass: pass, enlisted: enlisted(pass.TypesInfo, call)}
			if c.find(fns, arg) && !checked[c.body] {
				checked[c.body] = true
				c.check()
			}
		}
	})
	return nil, nil
}

// callee returns the function that a call calls, if it is known by name.
func callee(info *types.Info, call *ast.CallExpr) *types.Func {
	fun := ast.Unparen(call.Fun)
	for {
		switch f := fun.(type) {
		case *ast.IndexExpr:
			fun = f.X
			continue
		case *ast.IndexListExpr:
			fun = f.X
			continue
		case *ast.Ident:
			fn, _ := info.Uses[f].(*types.Func)
			return fn
		case *ast.SelectorExpr:
			fn, _ := info.Uses[f.Sel].(*types.Func)
			return fn
		}
		return nil
	}
}

func inPackage(fn *types.Func, path string) bool {
	return fn != nil && fn.Pkg() != nil && (fn.Pkg().Path() == path || strings.HasSuffix(fn.Pkg().Path(), "/"+path))
}

func startsTransaction(info *types.Info, call *ast.CallExpr) bool {
	fn := callee(info, call)
	switch {
	case inPackage(fn, odmPath):
		return fn.Name() == "Transaction" || fn.Name() == "WithTransaction" || fn.Name() == "InTransaction"
	case inPackage(fn, driverPath):
		return fn.Name() == "WithTransaction" || fn.Name() == "UseSession"
	}
	return false
}

// enlisted returns the variables given to odm.Enlist in a call's options.
func enlisted(info *types.Info, call *ast.CallExpr) map[types.Object]bool {
	vars := map[types.Object]bool{}
	for _, arg := range call.Args {
		opt, ok := arg.(*ast.CallExpr)
		if !ok {
			continue
		}
		if fn := callee(info, opt); inPackage(fn, odmPath) && fn.Name() == "Enlist" {
			for _, a := range opt.Args {
				if id, ok := ast.Unparen(a).(*ast.Ident); ok {
					vars[info.Uses[id]] = true
				}
			}
		}
	}
	return vars
}

// callback is the function that runs in a transaction. A method's receiver is outside of it.
type callback struct {
	pass     *analysis.Pass
	params   *ast.FieldList
	body     *ast.BlockStmt
	enlisted map[types.Object]bool
}

func (c *callback) check() {
	ast.Inspect(c.body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if startsTransaction(c.pass.TypesInfo, n) { // its callback is checked by itself
				c.args(n)
				return false
			}
			return c.call(n)
		case *ast.AssignStmt:
			c.assign(n)
			for _, rhs := range n.Rhs {
				c.context(rhs)
			}
		case *ast.ValueSpec:
			for _, v := range n.Values {
				c.context(v)
			}
		case *ast.IncDecStmt:
			c.relative(n.X, n.Pos())
		}
		return true
	})
}

// call checks a call, and tells whether to look into it.
func (c *callback) call(call *ast.CallExpr) bool {
	fn := callee(c.pass.TypesInfo, call)
	if inPackage(fn, odmPath) {
		switch fn.Name() {
		case "WithoutSession": // on purpose
			return false
		case "AfterCommit", "AfterRollback": // run when the transaction is over
			c.args(call)
			return false
		}
	}
	c.args(call)
	return true
}

// args reports contexts from outside among the arguments.
func (c *callback) args(call *ast.CallExpr) {
	for _, arg := range call.Args {
		c.context(arg)
	}
}

// context reports an expression that is a context from outside.
func (c *callback) context(e ast.Expr) {
	if !isContext(c.pass.TypesInfo.TypeOf(e)) {
		return
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident, *ast.SelectorExpr:
		c.fromOutside(e, rootOf(e))
	case *ast.CallExpr:
		c.made(e)
	}
}

// fromOutside reports an expression whose root is declared outside of the callback.
func (c *callback) fromOutside(e ast.Expr, root *ast.Ident) {
	if root == nil {
		return
	}
	if obj := c.pass.TypesInfo.Uses[root]; obj != nil && c.outside(obj) {
		c.pass.Reportf(e.Pos(), "%s is a context from outside the transaction: what uses it does not take part in it", types.ExprString(e))
	}
}

// made reports contexts made in place that do not derive from the callback's.
func (c *callback) made(call *ast.CallExpr) {
	fn := callee(c.pass.TypesInfo, call)
	if fn == nil || fn.Pkg() == nil {
		return
	}
	switch {
	case fn.Pkg().Path() == "context" && (fn.Name() == "Background" || fn.Name() == "TODO"):
		c.pass.Reportf(call.Pos(), "context.%s has no session: this call does not take part in the transaction", fn.Name())
	case fn.Name() == "Context" && len(call.Args) == 0 && !inPackage(fn, odmPath): // t.Context(), r.Context()
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
			c.fromOutside(call, rootOf(sel))
		}
	}
}

// outside tells whether something is declared outside of the callback.
func (c *callback) outside(obj types.Object) bool {
	return obj.Pos() < c.params.Pos() || obj.Pos() > c.body.End()
}

func rootOf(e ast.Expr) *ast.Ident {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		default:
			return nil
		}
	}
}

func isContext(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "context" && named.Obj().Name() == "Context"
}

// assign reports changes of documents from outside that depend on the old value.
func (c *callback) assign(s *ast.AssignStmt) {
	for i, lhs := range s.Lhs {
		switch {
		case s.Tok != token.ASSIGN && s.Tok != token.DEFINE:
			c.relative(lhs, s.Pos())
		case s.Tok == token.ASSIGN && i < len(s.Rhs) && mentions(s.Rhs[i], lhs):
			c.relative(lhs, s.Pos())
		}
	}
}

// mentions tells whether an expression contains another one.
func mentions(e, part ast.Expr) bool {
	want, found := types.ExprString(part), false
	ast.Inspect(e, func(n ast.Node) bool {
		if x, ok := n.(ast.Expr); ok && types.ExprString(x) == want {
			found = true
		}
		return !found
	})
	return found
}

func (c *callback) relative(lhs ast.Expr, pos token.Pos) {
	sel, ok := ast.Unparen(lhs).(*ast.SelectorExpr)
	if !ok {
		if idx, isIndex := ast.Unparen(lhs).(*ast.IndexExpr); isIndex {
			sel, ok = ast.Unparen(idx.X).(*ast.SelectorExpr)
		}
		if !ok {
			return
		}
	}
	root := rootOf(sel)
	if root == nil {
		return
	}
	obj := c.pass.TypesInfo.Uses[root]
	if obj == nil || !c.outside(obj) || c.enlisted[obj] || !isDocument(obj.Type()) {
		return
	}
	c.pass.Reportf(pos, "%s is a document from outside the transaction: a retry would change %s twice; load it inside, or add odm.Enlist(%s)",
		root.Name, types.ExprString(lhs), root.Name)
}

// isDocument tells whether a type is a pointer to a struct that embeds odm.Doc.
func isDocument(t types.Type) bool {
	p, ok := t.Underlying().(*types.Pointer)
	if !ok {
		return false
	}
	s, ok := p.Elem().Underlying().(*types.Struct)
	if !ok {
		return false
	}
	for f := range s.Fields() {
		named, ok := types.Unalias(f.Type()).(*types.Named)
		if ok && f.Embedded() && named.Obj().Name() == "Doc" && named.Obj().Pkg() != nil &&
			(named.Obj().Pkg().Path() == odmPath || strings.HasSuffix(named.Obj().Pkg().Path(), "/"+odmPath)) {
			return true
		}
	}
	return false
}
