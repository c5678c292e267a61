package command

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/query/exec"
)

// checkView compiles the pipeline of the view that the command defines, and follows what it reads,
// which may neither lead back to the view nor be too deep.
func (c *Call) checkView(source string, pipeline bsonx.Doc) error {
	switch {
	case source == "":
		return mongoerr.New(mongoerr.BadValue, "'viewOn' cannot be empty")
	case c.coll == "system.views":
		return mongoerr.New(mongoerr.InvalidNamespace, "Cannot create a view called '%s': this is a reserved system namespace", c.ns)
	}
	if err := checkColl(c.DB, source); err != nil {
		return err
	}
	reads := []string{c.DB + "." + source}
	if pipeline != nil {
		p, err := agg.Parse(pipeline, &agg.Options{DB: c.DB, Coll: source})
		if err != nil {
			return err
		}
		if w := p.Writer(); w != nil {
			return mongoerr.New(mongoerr.OptionNotSupportedOnView,
				"The aggregation stage %s in location %d of the pipeline cannot be used in the view definition of %s", w.Stage, pipeline.Count()-1, c.ns)
		}
		reads = append(reads, namespaceNames(p.Namespaces())...)
	}
	return checkViewGraph(c.Store().Catalog.Current(), c.ns, reads)
}

func namespaceNames(spaces []agg.Namespace) []string {
	names := make([]string, len(spaces))
	for i, s := range spaces {
		names[i] = s.DB + "." + s.Coll
	}
	return names
}

// viewGraph is the views of a database and what they read, with one that is about to change.
type viewGraph struct {
	cat   *catalog.Snapshot
	name  string // the new or changed view
	reads []string
	depth map[string]int // by view; inProgress while its sources are followed
}

const inProgress = -1

// checkViewGraph reports whether views would read themselves, or too many views one another.
func checkViewGraph(cat *catalog.Snapshot, name string, reads []string) error {
	g := &viewGraph{cat: cat, name: name, reads: reads, depth: make(map[string]int)}
	if _, err := g.follow(name); err != nil {
		return err
	}
	db, _ := catalog.SplitNS(name)
	for _, v := range cat.Database(db) {
		if !v.IsView() {
			continue
		}
		if _, err := g.follow(v.NS); err != nil {
			return err
		}
	}
	return nil
}

// follow returns how many views there are on the longest way down from ns.
func (g *viewGraph) follow(ns string) (int, error) {
	sources, ok := g.sources(ns)
	if !ok {
		return 0, nil
	}
	switch d, seen := g.depth[ns]; {
	case seen && d == inProgress:
		return 0, mongoerr.New(mongoerr.GraphContainsCycle, "View cycle detected: %s reads itself by way of other views", ns)
	case seen:
		return d, nil
	}
	g.depth[ns] = inProgress
	depth := 1
	for _, s := range sources {
		d, err := g.follow(s)
		if err != nil {
			return 0, err
		}
		depth = max(depth, d+1)
	}
	if depth > exec.MaxViewDepth {
		return 0, mongoerr.New(mongoerr.ViewDepthLimitExceeded, "View depth limit exceeded; maximum depth is %d", exec.MaxViewDepth)
	}
	g.depth[ns] = depth
	return depth, nil
}

// sources returns what a view reads, and false for what is no view.
func (g *viewGraph) sources(ns string) ([]string, bool) {
	if ns == g.name {
		return g.reads, true
	}
	v := g.cat.Collection(ns)
	if v == nil || !v.IsView() {
		return nil, false
	}
	reads := []string{v.DB() + "." + v.ViewOn}
	if p, err := agg.Parse(v.Pipeline, &agg.Options{DB: v.DB(), Coll: v.ViewOn}); err == nil {
		reads = append(reads, namespaceNames(p.Namespaces())...)
	}
	return reads, true
}
