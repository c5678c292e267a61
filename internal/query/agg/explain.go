package agg

import (
	"context"
	"strconv"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// Profile says how a pipeline ran. Who runs it sets how long it took.
type Profile struct {
	Took     time.Duration
	returned []int64 // by each stage
}

// Profile runs the pipeline to its end. The results are dropped.
func (p *Pipeline) Profile(ctx context.Context, in Iterator, src Sources) (*Profile, error) {
	pr := &Profile{returned: make([]int64, len(p.nodes))}
	out, err := p.start(ctx, in, src, func(i int, it Iterator) Iterator {
		return &counting{it, &pr.returned[i]}
	})
	if err != nil {
		return nil, err
	}
	err = drain(ctx, out, func(bsonx.Doc) error { return nil })
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return pr, err
}

// LeadingProject returns the specification of a $project at the beginning, which a query would do as
// well, nil if there is none. It is simple if it only keeps, or only drops, whole fields.
func (p *Pipeline) LeadingProject() (spec bsonx.Doc, simple bool) {
	if len(p.nodes) == 0 || p.nodes[0].name != "$project" {
		return nil, false
	}
	_, arg, _ := p.nodes[0].spec.First()
	return arg.Doc(), p.nodes[0].stage.(*projectStage).projection.IsSimple()
}

// counting counts the documents that pass.
type counting struct {
	Iterator
	n *int64
}

func (it *counting) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	d, ok, err := it.Iterator.Next(ctx)
	if ok {
		*it.n++
	}
	return d, ok, err
}

// explainer is a stage that shows itself in another way than it was written.
type explainer interface {
	explain(spec bsonx.Doc) []bsonx.Doc
}

// Explain returns the stages as they run after rewriting, under the names of those that they are
// made of, with what pr has counted, if it is not nil.
func (p *Pipeline) Explain(pr *Profile) []bsonx.Doc {
	var docs []bsonx.Doc
	for i, n := range p.nodes {
		shown := []bsonx.Doc{n.spec}
		if e, ok := n.stage.(explainer); ok {
			shown = e.explain(n.spec)
		}
		for _, d := range shown {
			if pr != nil {
				d = pr.append(d, pr.returned[i])
			}
			docs = append(docs, d)
		}
	}
	if p.writer != nil {
		docs = append(docs, p.writer.explain())
	}
	return docs
}

func (pr *Profile) append(d bsonx.Doc, n int64) bsonx.Doc {
	return bsonx.NewBuilder(nil).Append(d).Int64("nReturned", n).
		Int64("executionTimeMillisEstimate", pr.Took.Milliseconds()).Build()
}

// AppendCursor appends what Explain appends to stages to the cursor that brought n documents.
func (pr *Profile) AppendCursor(b *bsonx.Builder, n int64) {
	b.Int64("nReturned", n).Int64("executionTimeMillisEstimate", pr.Took.Milliseconds())
}

// explain shows all options, also those that were not given.
func (s *WriteSpec) explain() bsonx.Doc {
	b := bsonx.NewBuilder(nil).StartDoc(s.Stage)
	if s.Stage == "$out" {
		return b.String("coll", s.Target.Coll).String("db", s.Target.DB).Build()
	}
	b.StartDoc("into").String("db", s.Target.DB).String("coll", s.Target.Coll).End()
	if len(s.On) == 1 {
		b.String("on", s.On[0])
	} else {
		b.StartArray("on")
		for i, field := range s.On {
			b.String(strconv.Itoa(i), field)
		}
		b.End()
	}
	if s.pipeline != nil {
		b.Value("whenMatched", bsonx.Array(s.pipeline))
	} else {
		b.String("whenMatched", s.whenMatched)
	}
	return b.String("whenNotMatched", s.whenNotMatched).Build()
}
