package agg

import (
	"math"
	"sort"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/datetime"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// bounds say which documents are in the window of a document.
type bounds struct {
	lower, upper bound
	byRange      bool           // bounds are distances of the sort value, not numbers of documents
	unit         *datetime.Unit // of such distances between dates, nil between numbers
}

// bound is one end of a window.
type bound struct {
	unbounded bool
	offset    bsonx.Value // from the current document
}

var unboundedWindow = &bounds{lower: bound{unbounded: true}, upper: bound{unbounded: true}}

// parseBounds reads the window argument; a missing one is unbounded.
func (w *windowParser) parseBounds() (*bounds, error) {
	if w.window.IsMissing() {
		return unboundedWindow, nil
	}
	if w.window.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.FailedToParse, "'window' field must be an object")
	}
	d := w.window.Doc()
	documents, distance, unit := d.Lookup("documents"), d.Lookup("range"), d.Lookup("unit")
	known := 0
	for _, v := range []bsonx.Value{documents, distance, unit} {
		if !v.IsMissing() {
			known++
		}
	}
	switch {
	case known != d.Count():
		return nil, mongoerr.New(mongoerr.FailedToParse, "'window' field can only contain 'documents' as the only argument or 'range' with an optional 'unit' field")
	case !documents.IsMissing() && !distance.IsMissing():
		return nil, mongoerr.New(mongoerr.FailedToParse, "Window bounds can specify either 'documents' or 'unit', not both.")
	case distance.IsMissing() && !unit.IsMissing():
		return nil, mongoerr.New(mongoerr.FailedToParse, "Window bounds can only specify 'unit' with range-based bounds.")
	case known == 0:
		return unboundedWindow, nil
	case !documents.IsMissing():
		return w.parseDocumentBounds(documents)
	}
	return w.parseRangeBounds(distance, unit)
}

func (w *windowParser) parseDocumentBounds(v bsonx.Value) (*bounds, error) {
	b := &bounds{}
	err := w.parsePair(b, v, func(v bsonx.Value) error {
		if n, ok := expr.Integer(v); !ok || n < math.MinInt32 || n > math.MaxInt32 {
			return mongoerr.New(mongoerr.FailedToParse, "Numeric document-based bounds must be an integer")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if w.order == nil && !(b.lower.unbounded && b.upper.unbounded) {
		return nil, mongoerr.New(5339901, "Document-based bounds require a sortBy")
	}
	return b, nil
}

func (w *windowParser) parseRangeBounds(v, unit bsonx.Value) (*bounds, error) {
	b := &bounds{byRange: true}
	if !unit.IsMissing() {
		if unit.Type != bsonx.TypeString {
			return nil, mongoerr.New(mongoerr.FailedToParse, "'unit' must be a string")
		}
		u, err := datetime.ParseUnit(unit.Str())
		if err != nil {
			return nil, err
		}
		b.unit = &u
	}
	err := w.parsePair(b, v, func(v bsonx.Value) error {
		if !v.IsNumber() {
			return mongoerr.New(mongoerr.FailedToParse, "Range-based bounds expression must be a number")
		}
		if _, ok := expr.Integer(v); !ok && b.unit != nil {
			return mongoerr.New(mongoerr.FailedToParse, "With 'unit', range-based bounds must be an integer")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if w.order == nil || len(w.order.Fields()) != 1 {
		return nil, mongoerr.New(5339902, "Range-based bounds require sortBy a single field")
	}
	if w.order.Fields()[0].Desc {
		return nil, mongoerr.New(8947401, "Range-based bounds require an ascending sortBy")
	}
	return b, nil
}

// parsePair reads [lower, upper] and holds numbers against check.
func (w *windowParser) parsePair(b *bounds, v bsonx.Value, check func(bsonx.Value) error) (err error) {
	if v.Type != bsonx.TypeArray || v.Doc().Count() != 2 {
		return mongoerr.New(mongoerr.FailedToParse, "Window bounds must be a 2-element array: %s", bsonx.Format(v))
	}
	if b.lower, err = w.parseBound(v.Doc().Index(0), check); err != nil {
		return err
	}
	if b.upper, err = w.parseBound(v.Doc().Index(1), check); err != nil {
		return err
	}
	if !b.lower.unbounded && !b.upper.unbounded && bsonx.Compare(b.lower.offset, b.upper.offset) > 0 {
		return mongoerr.New(5339900, "Lower bound must not exceed upper bound: [%s, %s]", bsonx.Format(b.lower.offset), bsonx.Format(b.upper.offset))
	}
	return nil
}

func (w *windowParser) parseBound(v bsonx.Value, check func(bsonx.Value) error) (bound, error) {
	switch {
	case v.Type != bsonx.TypeString:
	case v.Str() == "unbounded":
		return bound{unbounded: true}, nil
	case v.Str() == "current":
		return bound{offset: bsonx.Int32(0)}, nil
	default:
		return bound{}, mongoerr.New(mongoerr.FailedToParse, "Window bounds must be 'unbounded', 'current', or a number.")
	}
	e, err := expr.Parse(v, w.scope)
	if err != nil {
		return bound{}, err
	}
	c, ok := e.(*expr.Const)
	if !ok {
		return bound{}, mongoerr.New(mongoerr.FailedToParse, "Window bounds expression must be a constant.")
	}
	return bound{offset: c.Value}, check(c.Value)
}

// frame finds the windows in one partition.
type frame struct {
	*bounds
	n      int
	values []bsonx.Value // of the sort field, for bounds by range
}

func (b *bounds) over(p *partition) (*frame, error) {
	f := &frame{bounds: b, n: p.n}
	if !b.byRange {
		return f, nil
	}
	var err error
	if f.values, err = p.sortColumn(); err != nil {
		return nil, err
	}
	for _, v := range f.values {
		if b.unit == nil && !v.IsNumber() {
			return nil, mongoerr.New(5429413, "Invalid range: Expected the sortBy field to be a number, but it was %s", v.Type)
		}
		if b.unit != nil && v.Type != bsonx.TypeDateTime {
			return nil, mongoerr.New(5429414, "Invalid range: Expected the sortBy field to be a Date, but it was %s", v.Type)
		}
	}
	return f, nil
}

// window returns the first position of the window of document i and the one behind its last.
func (f *frame) window(i int) (lo, hi int, err error) {
	lo, hi = 0, f.n
	if !f.lower.unbounded {
		if lo, err = f.edge(i, f.lower.offset, 0); err != nil {
			return 0, 0, err
		}
	}
	if !f.upper.unbounded {
		if hi, err = f.edge(i, f.upper.offset, 1); err != nil {
			return 0, 0, err
		}
	}
	lo = min(max(lo, 0), f.n)
	return lo, min(max(hi, lo), f.n), nil
}

// edge returns the first position at an offset from document i, or, with behind 1, the first
// behind it.
func (f *frame) edge(i int, offset bsonx.Value, behind int) (int, error) {
	if !f.byRange {
		n, _ := expr.Integer(offset)
		return i + int(n) + behind, nil
	}
	v, err := addTo(f.values[i], offset, f.unit)
	if err != nil {
		return 0, err
	}
	return sort.Search(f.n, func(j int) bool { return bsonx.Compare(f.values[j], v) >= behind }), nil
}

// addTo adds a number to a number, or a number of units to a date.
func addTo(v, n bsonx.Value, u *datetime.Unit) (bsonx.Value, error) {
	if u == nil {
		return expr.Add(v, n).Clone(), nil
	}
	amount, _ := expr.Integer(n)
	ms, err := datetime.Add(v.DateTime(), *u, amount, datetime.Zone{})
	return bsonx.DateTime(ms), err
}
