package agg

import (
	"bytes"
	"slices"
	"sort"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/sortkey"
)

// nOrder is how the accumulators that keep several values choose them.
type nOrder struct {
	// compare orders what is kept; nil keeps the order in which it came.
	compare func(coll *collation.Collation, a, b *nEntry) int

	// highest keeps the end of that order, not its beginning.
	highest bool

	coll *collation.Collation // set where a pipeline uses the order

	skipNull bool
	keyed    bool // values come as topInput makes them
}

var (
	firstNOrder  = nOrder{}
	lastNOrder   = nOrder{highest: true}
	minNOrder    = nOrder{compare: compareEntryValues, skipNull: true}
	maxNOrder    = nOrder{compare: func(coll *collation.Collation, a, b *nEntry) int { return compareEntryValues(coll, b, a) }, skipNull: true}
	topNOrder    = nOrder{compare: compareEntryKeys, keyed: true}
	bottomNOrder = nOrder{compare: compareEntryKeys, keyed: true, highest: true}
)

func compareEntryValues(coll *collation.Collation, a, b *nEntry) int {
	return coll.Compare(a.value, b.value)
}

func compareEntryKeys(_ *collation.Collation, a, b *nEntry) int { return bytes.Compare(a.key, b.key) }

// nEntry is one kept value.
type nEntry struct {
	key   []byte // to sort by, for keyed orders
	value bsonx.Value
}

func (e *nEntry) size() int { return valueSize(e.value) + len(e.key) + 24 }

// nAccumulator is $firstN and its kind. n may depend on the group's _id, as whose fields its
// paths are read.
type nAccumulator struct {
	nOrder
	n      expr.Expr // nil: one, which is the result itself, not an array
	c      *expr.Context
	states []nState
}

type nState struct {
	n       int64
	entries []nEntry
}

// nRow makes the row of an accumulator over one input.
func nRow(name string, order nOrder) accumulatorSpec {
	return accumulatorSpec{name: name, parse: func(_ string, arg bsonx.Value, s *expr.Scope) (expr.Expr, newAccumulator, error) {
		if arg.Type != bsonx.TypeDocument {
			return nil, nil, mongoerr.New(5787900, "specification must be an object; found %s: %s", name, bsonx.Format(arg))
		}
		args, err := namedArgs(arg.Doc(), map[string]mongoerr.Code{"n": 5787906, "input": 5787907}, 5787901, name)
		if err != nil {
			return nil, nil, err
		}
		input, err := expr.Parse(args["input"], s)
		if err != nil {
			return nil, nil, err
		}
		make, err := newN(order, args["n"], s)
		return input, make, err
	}}
}

// topRow makes the row of an accumulator that sorts by other fields than its output.
func topRow(name string, order nOrder, several bool) accumulatorSpec {
	return accumulatorSpec{name: name, parse: func(_ string, arg bsonx.Value, s *expr.Scope) (expr.Expr, newAccumulator, error) {
		if arg.Type != bsonx.TypeDocument {
			return nil, nil, mongoerr.New(5788001, "specification must be an object; found %s: %s", name, bsonx.Format(arg))
		}
		required := map[string]mongoerr.Code{"output": 5788004, "sortBy": 5788005}
		if several {
			required["n"] = 5788003
		}
		args, err := namedArgs(arg.Doc(), required, 5788002, name)
		if err != nil {
			return nil, nil, err
		}
		input, err := newTopInput(args["sortBy"], args["output"], s)
		if err != nil {
			return nil, nil, err
		}
		make, err := newN(order, args["n"], s)
		return input, make, err
	}}
}

// namedArgs reads an object whose fields are all required. Each has a code for when it is
// missing.
func namedArgs(d bsonx.Doc, required map[string]mongoerr.Code, unknown mongoerr.Code, op string) (map[string]bsonx.Value, error) {
	args := make(map[string]bsonx.Value)
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if _, ok := required[name]; !ok {
			return nil, mongoerr.New(unknown, "Unknown argument to %s '%s'", op, name)
		}
		args[name] = v
	}
	for _, name := range []string{"n", "input", "output", "sortBy"} {
		code, needed := required[name]
		if _, given := args[name]; needed && !given {
			return nil, mongoerr.New(code, "Missing value for '%s' in %s", name, op)
		}
	}
	return args, nil
}

// newN returns the function that makes the accumulator. A missing n means one value.
func newN(order nOrder, n bsonx.Value, s *expr.Scope) (newAccumulator, error) {
	order.coll = s.Collation()
	if n.IsMissing() {
		return func() accumulator { return &nAccumulator{nOrder: order} }, nil
	}
	e, err := expr.Parse(n, s)
	if err != nil {
		return nil, err
	}
	if k, ok := e.(*expr.Const); ok {
		if _, err := expr.CheckN(k.Value); err != nil {
			return nil, err
		}
	}
	return func() accumulator { return &nAccumulator{nOrder: order, n: e, c: s.NewContext()} }, nil
}

// isFixed reports whether n is the same for all groups.
func (a *nAccumulator) isFixed() bool {
	_, ok := a.n.(*expr.Const)
	return ok || a.n == nil
}

func (a *nAccumulator) grow(id bsonx.Value) error {
	st := nState{n: 1}
	if a.n != nil {
		a.c.Reset(id.Doc())
		v, err := a.n.Eval(a.c)
		if err != nil {
			return err
		}
		if st.n, err = expr.CheckN(v); err != nil {
			return err
		}
	}
	a.states = append(a.states, st)
	return nil
}

func (a *nAccumulator) add(g int, v bsonx.Value) (int, error) {
	if a.skipNull && v.IsNullish() {
		return 0, nil
	}
	e := nEntry{value: v}
	if a.keyed {
		_, e.key = v.Doc().Lookup("k").Binary()
		e.value = v.Doc().Lookup("o")
	}
	return a.states[g].insert(&a.nOrder, e), nil
}

// insert takes an entry in, behind those that are equal to it, drops what is one too many and
// returns by how much the state grew.
func (s *nState) insert(o *nOrder, e nEntry) int {
	at := len(s.entries)
	if o.compare != nil {
		at = sort.Search(len(s.entries), func(i int) bool { return o.compare(o.coll, &s.entries[i], &e) > 0 })
	}
	full := int64(len(s.entries)) == s.n
	if full && (o.highest && at == 0 || !o.highest && at == len(s.entries)) {
		return 0
	}
	e.key, e.value = bytes.Clone(e.key), e.value.Clone()
	grew := e.size()
	if full {
		drop := len(s.entries) - 1
		if o.highest {
			drop = 0
			at--
		}
		grew -= s.entries[drop].size()
		s.entries = slices.Delete(s.entries, drop, drop+1)
	}
	s.entries = slices.Insert(s.entries, at, e)
	return grew
}

func (a *nAccumulator) appendResult(dst []byte, name string, g int) []byte {
	s := &a.states[g]
	if a.n == nil {
		v := bsonx.Null
		if len(s.entries) > 0 && !s.entries[0].value.IsMissing() {
			v = s.entries[0].value
		}
		return bsonx.AppendElem(dst, name, v)
	}
	dst = bsonx.AppendHeader(dst, bsonx.TypeArray, name)
	start := len(dst)
	dst = bsonx.AppendDocStart(dst)
	for i := range s.entries {
		dst = bsonx.AppendIndexElem(dst, i, s.entries[i].value)
	}
	return bsonx.AppendDocEnd(dst, start)
}

func (a *nAccumulator) appendState(dst []byte, name string, g int) []byte {
	var arr arrayState
	for _, e := range a.states[g].entries {
		if a.keyed {
			arr.push(bsonx.Document(appendKeyed(nil, e.key, e.value)))
		} else {
			arr.push(e.value)
		}
	}
	return arr.append(dst, name)
}

func (a *nAccumulator) merge(g int, state bsonx.Value) (int, error) { return mergeElems(a, g, state) }

// topInput makes the values for keyed orders: a document of sort key and output.
type topInput struct {
	pattern *sortkey.Pattern
	output  expr.Expr
	fields  []expr.Expr // what the pattern reads
}

func newTopInput(by, output bsonx.Value, s *expr.Scope) (*topInput, error) {
	if by.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(10065, "invalid parameter: expected an object (sortBy)")
	}
	pattern, err := sortkey.Compile(by.Doc(), s.Collation())
	if err != nil {
		return nil, err
	}
	t := &topInput{pattern: pattern}
	for _, f := range pattern.Fields() {
		p, err := expr.NewFieldPath(f.Path)
		if err != nil {
			return nil, err
		}
		t.fields = append(t.fields, p)
	}
	t.output, err = expr.Parse(output, s)
	return t, err
}

// Args returns what the sort key and the output read.
func (t *topInput) Args() []expr.Expr { return append([]expr.Expr{t.output}, t.fields...) }

// Eval makes the document.
func (t *topInput) Eval(c *expr.Context) (bsonx.Value, error) {
	v, err := t.output.Eval(c)
	if err != nil {
		return v, err
	}
	key, err := t.pattern.AppendKey(c.Scratch(), c.Root.Doc())
	if err != nil {
		return v, err
	}
	d := appendKeyed(c.Scratch(), key, v)
	kept := c.Keep(d)
	c.Drop(key)
	return bsonx.Document(kept), nil
}

func appendKeyed(dst []byte, key []byte, v bsonx.Value) []byte {
	start := len(dst)
	dst = bsonx.AppendElem(bsonx.AppendDocStart(dst), "k", bsonx.Binary(0, key))
	dst = bsonx.AppendElem(dst, "o", v)
	return bsonx.AppendDocEnd(dst, start)
}
