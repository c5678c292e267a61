package agg

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// unwindStage is $unwind.
type unwindStage struct {
	path     path
	index    path // includeArrayIndex, nil for none
	preserve bool
}

func parseUnwind(_ *parser, arg bsonx.Value) (stage, error) {
	s := &unwindStage{}
	name := arg
	switch arg.Type {
	case bsonx.TypeString:
	case bsonx.TypeDocument:
		var err error
		if name, err = s.parseOptions(arg.Doc()); err != nil {
			return nil, err
		}
	default:
		return nil, mongoerr.New(15981, "expected either a string or an object as specification for $unwind stage, got %s", arg.Type)
	}
	field, ok := strings.CutPrefix(name.Str(), "$")
	if !ok {
		return nil, mongoerr.New(28818, "path option to $unwind stage should be prefixed with a '$': %s", name.Str())
	}
	var err error
	s.path, err = parsePath(field)
	return s, err
}

// parseOptions reads the document form and returns the path option.
func (s *unwindStage) parseOptions(d bsonx.Doc) (name bsonx.Value, err error) {
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		switch key {
		case "path":
			if v.Type != bsonx.TypeString {
				return name, mongoerr.New(28808, "expected a string as the path for $unwind stage, got %s", v.Type)
			}
			name = v
		case "preserveNullAndEmptyArrays":
			if v.Type != bsonx.TypeBool {
				return name, mongoerr.New(28809, "expected a boolean for the preserveNullAndEmptyArrays option to $unwind stage, got %s", v.Type)
			}
			s.preserve = v.Bool()
		case "includeArrayIndex":
			if s.index, err = parseUnwindIndex(v); err != nil {
				return name, err
			}
		default:
			return name, mongoerr.New(28811, "unrecognized option to $unwind stage: %s", key)
		}
	}
	if name.Str() == "" {
		return name, mongoerr.New(28812, "no path specified to $unwind stage")
	}
	return name, nil
}

func parseUnwindIndex(v bsonx.Value) (path, error) {
	if v.Type != bsonx.TypeString || v.Str() == "" {
		return nil, mongoerr.New(28810, "expected a non-empty string for the includeArrayIndex option to $unwind stage, got %s", v.Type)
	}
	if strings.HasPrefix(v.Str(), "$") {
		return nil, mongoerr.New(28822, "includeArrayIndex option to $unwind stage should not be prefixed with a '$': %s", v.Str())
	}
	return parsePath(v.Str())
}

func (s *unwindStage) deps(d *Deps) bool {
	d.add(s.path.String())
	return false
}

func (s *unwindStage) open(_ context.Context, _ *run, in Iterator) (Iterator, error) {
	return &unwindIterator{unwindStage: s, in: in}, nil
}

type unwindIterator struct {
	*unwindStage
	in    Iterator
	doc   bsonx.Doc  // the document being unwound
	elems bsonx.Iter // its elements to come
	next  int64
	out   [2][]byte
}

func (it *unwindIterator) Close() error { return it.in.Close() }

func (it *unwindIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	for {
		if _, v, ok := it.elems.Next(); ok {
			it.next++
			return it.emit(v, bsonx.Int64(it.next-1)), true, nil
		}
		d, ok, err := it.in.Next(ctx)
		if !ok || err != nil {
			return nil, false, err
		}
		it.doc = d
		v := it.path.get(d)
		switch {
		case v.Type == bsonx.TypeArray && !v.Doc().IsEmpty():
			it.elems, it.next = v.Doc().Iter(), 0
		case v.Type == bsonx.TypeArray:
			if it.preserve {
				return it.emit(bsonx.Value{}, bsonx.Null), true, nil
			}
		case !v.IsNullish() || it.preserve:
			return it.withIndex(d, bsonx.Null), true, nil
		}
	}
}

// emit returns the document with v in place of the array.
func (it *unwindIterator) emit(v, index bsonx.Value) bsonx.Doc {
	it.out[0] = it.path.appendSet(it.out[0][:0], it.doc, v)
	return it.withIndex(it.out[0], index)
}

// withIndex adds the array index, if that was asked for.
func (it *unwindIterator) withIndex(d bsonx.Doc, index bsonx.Value) bsonx.Doc {
	if it.index == nil {
		return d
	}
	it.out[1] = it.index.appendSet(it.out[1][:0], d, index)
	return it.out[1]
}
