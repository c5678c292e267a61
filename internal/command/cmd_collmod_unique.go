package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// conversion is what collMod is to do to the uniqueness of an index.
type conversion struct {
	index          string
	wanted, unique bool
	dryRun         bool
}

// conversion reads the fields that make an index unique, or not unique any more.
func (c *Call) conversion() (v conversion, err error) {
	d := c.Arg("index").Doc()
	for _, name := range [...]string{"unique", "forceNonUnique"} {
		f := d.Lookup(name)
		switch {
		case f.IsMissing():
			continue
		case f.Type != bsonx.TypeBool && !f.IsNumber():
			return v, wrongType("collMod.index."+name, f.Type, BoolLike)
		case !f.Truthy():
			return v, mongoerr.New(mongoerr.BadValue, "collMod does not support '%s: false'", name)
		case v.wanted:
			return v, mongoerr.New(mongoerr.InvalidOptions, "collMod cannot make an index both unique and not unique")
		}
		v.wanted, v.unique = true, name == "unique"
	}
	if v.dryRun = c.Arg("dryRun").Truthy(); v.dryRun && (!v.wanted || !v.unique || d.Count() > 2 || c.ownFields("index", "dryRun").Count() > 0) {
		return v, mongoerr.New(mongoerr.InvalidOptions, "dry run mode is only supported for the conversion of an index to a unique one, and for nothing else")
	}
	return v, nil
}

// convert rebuilds the index.
func (c *Call) convert(ctx context.Context, v conversion) error {
	coll := c.collection()
	if coll == nil {
		return missingNS(c.ns)
	}
	was := coll.Index(v.index)
	if err := c.Store().ConvertIndex(ctx, c.ns, v.index, v.unique, v.dryRun, c.Durability()); err != nil {
		return err
	}
	if v.dryRun || was != nil && was.Unique == v.unique {
		return nil
	}
	c.Wrote(c.Service.lastApplied(ctx))
	c.Cursors().KillNamespace(c.ns, "index rebuilt on "+c.ns)
	name := "unique_new"
	if !v.unique {
		name = "forceNonUnique_new"
	}
	c.Reply.Bool(name, true)
	return nil
}
