// Package collation compares strings by the rules of a language.
//
// A Collation is parsed once from its document and makes sort keys: bytes whose order is the
// order of the strings, equal for strings that the collation does not tell apart. All
// comparisons go through these keys, so that a filter, a sort, a group and an index can never
// disagree. The weights are those of golang.org/x/text/collate; the levels that it does not have
// (case before tertiary differences, upper case first, ignored punctuation) are put together
// here, see key.go.
//
// A nil *Collation is the binary comparison, under the name "simple". All methods take it.
package collation

import (
	"bytes"
	"sync"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// Version is the version of the rules. Keys of different versions do not compare, so it stands in
// the documents that describe collations, and one of another version is refused.
const Version = collate.CLDRVersion

// foreignVersion is the version that MongoDB writes. It is taken for ours, so that what was dumped
// there can be restored here.
const foreignVersion = "57.1"

// Collation is one set of rules. It is immutable and safe for concurrent use.
type Collation struct {
	options
	spec bsonx.Doc

	tag     language.Tag
	numeric []collate.Option
	workers sync.Pool // of *worker
}

// options are the fields of a collation document.
type options struct {
	locale                            string
	caseLevel, numericOrdering        bool
	normalization, backwards, shifted bool
	spacesOnly                        bool // maxVariable: what shifted ignores
	caseFirst                         string
	strength                          int
}

// Spec returns the document with all fields, as listCollections and listIndexes show it.
func (c *Collation) Spec() bsonx.Doc {
	if c == nil {
		return bsonx.NewBuilder(nil).String("locale", simple).Build()
	}
	return c.spec
}

// Locale returns the locale's name.
func (c *Collation) Locale() string {
	if c == nil {
		return simple
	}
	return c.locale
}

// Same reports whether two collations have the same rules.
func Same(a, b *Collation) bool {
	return a == b || a != nil && b != nil && a.options == b.options
}

// Compare orders two values as bsonx.Compare does, strings among them and within them by the
// collation.
func (c *Collation) Compare(a, b bsonx.Value) int {
	if c == nil {
		return bsonx.Compare(a, b)
	}
	return c.compare(a, b)
}

// Equal reports whether Compare(a, b) is zero.
func (c *Collation) Equal(a, b bsonx.Value) bool { return c.Compare(a, b) == 0 }

func (c *Collation) compare(a, b bsonx.Value) int {
	class := a.Type.Class()
	if class != b.Type.Class() {
		return bsonx.Compare(a, b)
	}
	switch class {
	case bsonx.ClassString:
		return c.compareStrings(a.Bytes(), b.Bytes())
	case bsonx.ClassDocument:
		return c.compareDocs(a.Doc(), b.Doc(), true)
	case bsonx.ClassArray:
		return c.compareDocs(a.Doc(), b.Doc(), false)
	}
	return bsonx.Compare(a, b)
}

// compareDocs compares element by element, by class, name if they are named, and value.
func (c *Collation) compareDocs(a, b bsonx.Doc, named bool) int {
	ia, ib := a.Iter(), b.Iter()
	for {
		ka, va, oka := ia.Next()
		kb, vb, okb := ib.Next()
		switch {
		case !oka && !okb:
			return 0
		case !oka:
			return -1
		case !okb:
			return 1
		case named && ka != kb && va.Type.Class() == vb.Type.Class():
			if ka < kb {
				return -1
			}
			return 1
		}
		if r := c.compare(va, vb); r != 0 {
			return r
		}
	}
}

func (c *Collation) compareStrings(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	w := c.worker()
	w.a = w.append(w.a[:0], a)
	w.b = w.append(w.b[:0], b)
	r := bytes.Compare(w.a, w.b)
	c.release(w)
	return r
}

// AppendKey appends the sort key of a string.
func (c *Collation) AppendKey(dst, s []byte) []byte {
	if c == nil {
		return append(dst, s...)
	}
	w := c.worker()
	dst = w.append(dst, s)
	c.release(w)
	return dst
}

// Affects reports whether values of v's type are, or may hold, strings, so that comparing with
// them depends on the collation.
func Affects(v bsonx.Value) bool {
	switch v.Type.Class() {
	case bsonx.ClassString, bsonx.ClassDocument, bsonx.ClassArray:
		return true
	}
	return false
}
