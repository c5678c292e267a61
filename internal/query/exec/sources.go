package exec

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
	"github.com/tandemdb/tandem/internal/txn"
)

// MaxViewDepth is how many views may be defined on one another.
const MaxViewDepth = 20

// Sources opens collections and views for the stages of a pipeline, all in one state.
type Sources struct {
	State *State
	Hint  bsonx.Value // for the pipeline's own collection

	AllowDiskUse bool
	TempDir      string
	Special      func(ctx context.Context, stage string, spec bsonx.Doc) (agg.Iterator, error)

	depth int // views being resolved
}

// Namespaces adds to ns those that its views are defined on, so that a statement can lock all
// of them before it takes its snapshot.
func Namespaces(store *txn.Store, ns []string) ([]string, error) {
	cat := store.Catalog.Current()
	for i := 0; i < len(ns); i++ {
		c := cat.Collection(ns[i])
		if c == nil || !c.IsView() {
			continue
		}
		if i > MaxViewDepth*4 {
			return nil, viewTooDeep()
		}
		ns = append(ns, c.DB()+"."+c.ViewOn)
		p, err := agg.Parse(c.Pipeline, &agg.Options{DB: c.DB(), Coll: c.ViewOn})
		if err != nil {
			return nil, err
		}
		for _, other := range p.Namespaces() {
			ns = append(ns, other.DB+"."+other.Coll)
		}
	}
	return ns, nil
}

func viewTooDeep() error {
	return mongoerr.New(mongoerr.ViewDepthLimitExceeded, "View depth exceeds limit of %d", MaxViewDepth)
}

// Run starts a pipeline over a collection or view.
func (s *Sources) Run(ctx context.Context, db, coll string, p *agg.Pipeline) (agg.Iterator, error) {
	if p.HasSource() {
		return p.Run(ctx, nil, s)
	}
	c, err := s.State.Collection(ctx, db+"."+coll)
	if err != nil {
		return nil, err
	}
	if c != nil && c.IsView() {
		if err := checkViewCollation(c, p.Scope()); err != nil {
			return nil, err
		}
		in, err := s.view(ctx, c, p.Scope())
		if err != nil {
			return nil, err
		}
		return p.Run(ctx, in, s)
	}
	pre := p.Prefix()
	cur, err := s.open(ctx, c, PrefixFind(pre, p.Scope()))
	if err != nil {
		return nil, err
	}
	return pre.Rest.Run(ctx, cur, s)
}

// PrefixFind turns what a plan can take over of a pipeline into a query.
func PrefixFind(pre agg.Prefix, scope *expr.Scope) *Find {
	return &Find{
		Filter: pre.Filter, Sort: pre.Sort, Skip: pre.Skip, Limit: pre.Limit, Scope: scope,
		Use:  match.Pipeline,
		Deps: pre.Deps, Counting: !pre.Whole && len(pre.Deps) == 0,
	}
}

func (s *Sources) open(ctx context.Context, c *catalog.Collection, f *Find) (*Cursor, error) {
	f.Hint, f.AllowDiskUse, f.TempDir = s.Hint, s.AllowDiskUse, s.TempDir
	q, err := f.Compile()
	if err != nil {
		return nil, err
	}
	return q.Open(ctx, s.State, c)
}

// view opens what a view shows to a pipeline with the scope, of which it takes all but the
// variables.
func (s *Sources) view(ctx context.Context, c *catalog.Collection, scope *expr.Scope) (agg.Iterator, error) {
	if s.depth >= MaxViewDepth {
		return nil, viewTooDeep()
	}
	p, err := agg.Parse(c.Pipeline, &agg.Options{
		Scope: expr.NewScope(scope.Env()), DB: c.DB(), Coll: c.ViewOn, AllowDiskUse: s.AllowDiskUse, TempDir: s.TempDir, Special: s.Special,
	})
	if err != nil {
		return nil, err
	}
	below := *s
	below.Hint, below.depth = bsonx.Value{}, s.depth+1
	return below.Run(ctx, c.DB(), c.ViewOn, p)
}

// checkViewCollation refuses a view in a pipeline with another collation than the view's own.
func checkViewCollation(c *catalog.Collection, scope *expr.Scope) error {
	if collation.Same(c.Collation, scope.Collation()) {
		return nil
	}
	return mongoerr.New(mongoerr.OptionNotSupportedOnView, "Cannot override a view's default collation: %s has %s", c.NS, c.Collation.Spec())
}

// inner is s for other collections than the pipeline's own.
func (s *Sources) inner() *Sources {
	in := *s
	in.Hint = bsonx.Value{}
	return &in
}

// Collection implements agg.Sources.
func (s *Sources) Collection(ctx context.Context, db, coll string, filter bsonx.Doc, scope *expr.Scope) (agg.Iterator, error) {
	c, err := s.State.Collection(ctx, db+"."+coll)
	if err != nil {
		return nil, err
	}
	if c == nil || !c.IsView() {
		return s.inner().open(ctx, c, &Find{Filter: filter, Scope: scope, Use: match.Pipeline})
	}
	if err := checkViewCollation(c, scope); err != nil {
		return nil, err
	}
	in, err := s.inner().view(ctx, c, scope)
	if err != nil || filter.IsEmpty() {
		return in, err
	}
	p, err := agg.Parse(matchPipeline(filter), &agg.Options{Scope: scope, DB: db, Coll: coll})
	if err != nil {
		return nil, err
	}
	return p.Run(ctx, in, s)
}

// matchPipeline is [{$match: filter}].
func matchPipeline(filter bsonx.Doc) bsonx.Doc {
	st := bsonx.NewBuilder(nil).Doc("$match", filter).Build()
	return bsonx.MakeArray(bsonx.Document(st)).Doc()
}

// Pipeline implements agg.Sources.
func (s *Sources) Pipeline(ctx context.Context, db, coll string, p *agg.Pipeline) (agg.Iterator, error) {
	return s.inner().Run(ctx, db, coll, p)
}
