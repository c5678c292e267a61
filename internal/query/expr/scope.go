package expr

import (
	"math/rand/v2"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Env is what all expressions of one command share.
type Env struct {
	Now         int64  // $$NOW, ms since the epoch
	ClusterTime uint64 // $$CLUSTER_TIME
	UserRoles   bsonx.Doc
	Collation   *collation.Collation // of comparisons; nil is the binary one

	Rand func() float64 // the numbers of $rand, in [0, 1); nil: a random generator
}

func (e *Env) rand() func() float64 {
	if e.Rand != nil {
		return e.Rand
	}
	return rand.Float64
}

// Scope is the set of variables that an expression may name. It is immutable: With and
// WithConst return larger scopes. Slots are unique within one NewScope, so one Context
// serves all expressions parsed below it.
type Scope struct {
	root   *rootScope
	parent *Scope
	name   string
	slot   int
	value  *Const // a variable with a known value; nil: see slot
}

// rootScope is what all scopes below one NewScope share.
type rootScope struct {
	Scope
	env   Env
	slots int
}

// NewScope returns a scope with the system variables only. A nil env means zero times.
func NewScope(env *Env) *Scope {
	r := &rootScope{}
	r.root, r.slot = r, -1
	if env != nil {
		r.env = *env
	}
	return &r.Scope
}

// Env returns what the scope was made from.
func (s *Scope) Env() *Env { return &s.root.env }

// Collation returns the collation by which expressions and filters compare, nil for the binary
// one.
func (s *Scope) Collation() *collation.Collation { return s.root.env.Collation }

// With returns a scope with one more variable and the slot that Context.SetVar takes for it.
func (s *Scope) With(name string) (*Scope, int) {
	slot := s.root.slots
	s.root.slots++
	return &Scope{root: s.root, parent: s, name: name, slot: slot}, slot
}

// WithConst returns a scope in which name has a known value, as the let option gives it.
func (s *Scope) WithConst(name string, v bsonx.Value) *Scope {
	return &Scope{root: s.root, parent: s, name: name, slot: -1, value: &Const{v.Clone()}}
}

// WithLet returns a scope with the variables of a command's let option. Their values are
// expressions without a document.
func (s *Scope) WithLet(let bsonx.Doc) (*Scope, error) {
	out := s
	for it := let.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return out, nil
		}
		if err := CheckUserVariable(name); err != nil {
			return nil, err
		}
		e, err := Parse(v, s)
		if err != nil {
			return nil, err
		}
		if readsDocument(e) {
			return nil, mongoerr.New(4890500, "Command let Expression tried to access a field, but this is not allowed because Command let Expressions run before the query examines any documents.")
		}
		val, err := e.Eval(s.NewContext())
		if err != nil {
			return nil, err
		}
		if val.IsMissing() {
			val = bsonx.Null
		}
		out = out.WithConst(name, val)
	}
}

// readsDocument reports whether an expression depends on the document.
func readsDocument(e Expr) (reads bool) {
	Walk(e, func(e Expr) {
		switch e.(type) {
		case *FieldPath, Root:
			reads = true
		}
	})
	return reads
}

// NewContext returns a context for every expression that was parsed with this scope or one
// derived from the same NewScope, before now.
func (s *Scope) NewContext() *Context {
	return &Context{vars: make([]bsonx.Value, s.root.slots), coll: s.root.env.Collation}
}

// lookup finds a user variable.
func (s *Scope) lookup(name string) *Scope {
	for v := s; v != nil; v = v.parent {
		if v.name == name && v.parent != nil {
			return v
		}
	}
	return nil
}

// CheckUserVariable checks a name that a user gives to a variable.
func CheckUserVariable(name string) error {
	if err := checkVariableName(name); err != nil {
		return err
	}
	c := name[0]
	if c >= 'a' && c <= 'z' || c >= utf8.RuneSelf || name == "CURRENT" {
		return nil
	}
	return mongoerr.New(mongoerr.FailedToParse, "'%s' starts with an invalid character for a user variable name", name)
}

// checkVariableName checks a name in a "$$name" path.
func checkVariableName(name string) error {
	if name == "" {
		return mongoerr.New(mongoerr.FailedToParse, "empty variable names are not allowed")
	}
	if c := name[0]; !isLetter(c) && c < utf8.RuneSelf {
		return mongoerr.New(mongoerr.FailedToParse, "'%s' starts with an invalid character for a variable name", name)
	}
	for i := 1; i < len(name); i++ {
		if c := name[i]; !isLetter(c) && !(c >= '0' && c <= '9') && c != '_' && c < utf8.RuneSelf {
			return mongoerr.New(mongoerr.FailedToParse, "'%s' contains an invalid character for a variable name: '%c'", name, c)
		}
	}
	return nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
