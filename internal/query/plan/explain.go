package plan

import (
	"fmt"
	"strconv"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/keyenc"
)

// Explain appends the fields of the plan's own stages to b, as explain prints them: the scan, and
// the FETCH above it. A plan of the kind Nothing has none. filter is the query's filter document. stats, if not nil, adds what was
// counted to every stage.
func (p *Plan) Explain(b *bsonx.Builder, filter bsonx.Doc, multikey Multikey, stats func(*bsonx.Builder)) {
	if stats == nil {
		stats = func(*bsonx.Builder) {}
	}
	switch p.Kind {
	case CollScan:
		p.explainCollScan(b, filter, stats)
	case Union:
		b.String("stage", "FETCH").Doc("filter", filter)
		stats(b)
		b.StartDoc("inputStage").String("stage", "OR")
		stats(b)
		b.StartArray("inputStages")
		for i, br := range p.Branches {
			b.StartDoc(strconv.Itoa(i))
			br.explainScan(b, multikey, stats)
			b.End()
		}
		b.End().End()
	case IndexScan:
		if p.Covered {
			p.explainScan(b, multikey, stats)
			return
		}
		b.String("stage", "FETCH")
		if p.Residual != nil {
			b.Doc("filter", filter)
		}
		stats(b)
		b.StartDoc("inputStage")
		p.explainScan(b, multikey, stats)
		b.End()
	}
}

func (p *Plan) explainCollScan(b *bsonx.Builder, filter bsonx.Doc, stats func(*bsonx.Builder)) {
	if p.Ranges != nil {
		b.String("stage", "CLUSTERED_IXSCAN")
	} else {
		b.String("stage", "COLLSCAN")
	}
	if p.Residual != nil {
		b.Doc("filter", filter)
	}
	b.String("direction", direction(p.Reverse))
	stats(b)
}

func (p *Plan) explainScan(b *bsonx.Builder, multikey Multikey, stats func(*bsonx.Builder)) {
	if p.Kind != IndexScan {
		p.explainCollScan(b, bsonx.Empty, stats)
		return
	}
	x := p.Index
	mk := multikey(x)
	name := "IXSCAN"
	if p.Covered && !p.NeedsValues && len(p.Ranges) == 1 {
		name = "COUNT_SCAN"
	}
	b.String("stage", name).Doc("keyPattern", x.Pattern).String("indexName", x.Name)
	if x.Collation != nil {
		b.Doc("collation", x.Collation.Spec())
	}
	b.Bool("isMultiKey", mk != 0).StartDoc("multiKeyPaths")
	for i, k := range x.Keys {
		b.StartArray(k.Path)
		if mk&(1<<i) != 0 {
			b.String("0", k.Path)
		}
		b.End()
	}
	b.End()
	b.Bool("isUnique", x.Unique).Bool("isSparse", x.Sparse).Bool("isPartial", x.PartialFilter != nil)
	b.Int32("indexVersion", 2).String("direction", direction(p.Reverse))
	b.StartDoc("indexBounds")
	for i, k := range x.Keys {
		b.Strings(k.Path, p.boundStrings(i, k))
	}
	b.End()
	stats(b)
}

func direction(reverse bool) string {
	if reverse {
		return "backward"
	}
	return "forward"
}

// boundStrings renders the intervals of one field in scan direction.
func (p *Plan) boundStrings(i int, k catalog.KeyField) []string {
	down := k.Desc != p.Reverse
	var ivs []interval
	if i < len(p.fields) {
		ivs = p.fields[i].ivs
	}
	if ivs == nil {
		ivs = []interval{{}}
	}
	var out []string
	for n := range ivs {
		out = append(out, formatInterval(inOrder(ivs, n, down), down, p.Index.Collation != nil))
	}
	return out
}

func formatInterval(iv interval, down, collated bool) string {
	open, end := "[", "]"
	lo, hi := formatBound(iv.lo, "MinKey", collated), formatBound(iv.hi, "MaxKey", collated)
	loInc, hiInc := iv.loInc || iv.lo == nil, iv.hiInc || iv.hi == nil
	if down {
		lo, hi, loInc, hiInc = hi, lo, hiInc, loInc
	}
	if !loInc {
		open = "("
	}
	if !hiInc {
		end = ")"
	}
	return open + lo + ", " + hi + end
}

// formatBound renders a bound; of a string in an index with a collation it has the sort key.
func formatBound(enc []byte, open string, collated bool) string {
	if enc == nil {
		return open
	}
	v, _, _, err := keyenc.Decode(enc, false, nil)
	if err != nil {
		return "?"
	}
	if collated && v.Type == bsonx.TypeString {
		return fmt.Sprintf("CollationKey(0x%x)", v.Bytes())
	}
	return bsonx.Format(v)
}
