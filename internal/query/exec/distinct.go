package exec

import (
	"context"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
)

// distinctMax bounds the values of a distinct, in bytes.
const distinctMax = 16 << 20

// Distinct returns the array of the different values on a path: the elements of arrays
// instead of the arrays; of strings that the collation takes for equal the first. It closes the
// iterator.
func Distinct(ctx context.Context, it agg.Iterator, path string, coll *collation.Collation) (bsonx.Doc, error) {
	defer it.Close()
	d := &distinct{coll: coll, seen: make(map[string]struct{}), out: bsonx.AppendDocStart(nil)}
	parts := strings.Split(path, ".")
	for {
		doc, ok, err := it.Next(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			return bsonx.AppendDocEnd(d.out, 0), nil
		}
		d.walk(bsonx.Document(doc), parts)
		if len(d.out) > distinctMax {
			return nil, mongoerr.New(17217, "distinct too big, 16mb cap")
		}
	}
}

type distinct struct {
	coll *collation.Collation
	seen map[string]struct{}
	key  []byte
	out  []byte
	n    int
}

func (d *distinct) walk(v bsonx.Value, parts []string) {
	if len(parts) == 0 {
		if v.Type == bsonx.TypeArray {
			for it := v.Doc().Iter(); ; {
				_, e, ok := it.Next()
				if !ok {
					return
				}
				d.add(e)
			}
		}
		d.add(v)
		return
	}
	switch v.Type {
	case bsonx.TypeDocument:
		if f := v.Doc().Lookup(parts[0]); !f.IsMissing() {
			d.walk(f, parts[1:])
		}
	case bsonx.TypeArray:
		if i, err := strconv.Atoi(parts[0]); err == nil && i >= 0 {
			if e := v.Doc().Index(i); !e.IsMissing() {
				d.walk(e, parts[1:])
			}
		}
		for it := v.Doc().Iter(); ; {
			_, e, ok := it.Next()
			if !ok {
				return
			}
			if e.Type == bsonx.TypeDocument {
				d.walk(e, parts)
			}
		}
	}
}

func (d *distinct) add(v bsonx.Value) {
	d.key = keyenc.AppendCollated(d.key[:0], v, false, d.coll)
	if _, dup := d.seen[string(d.key)]; dup {
		return
	}
	d.seen[string(d.key)] = struct{}{}
	d.out = bsonx.AppendIndexElem(d.out, d.n, v)
	d.n++
}
