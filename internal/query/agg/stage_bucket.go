package agg

import (
	"sort"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// bucketArgs are the arguments of $bucket. The stage is a $group by bucket and a $sort.
type bucketArgs struct {
	groupBy    expr.Expr
	boundaries []bsonx.Value
	other      bsonx.Value // the default bucket, missing for none
	output     bsonx.Doc
	coll       *collation.Collation
}

func parseBucket(p *parser, _ string, arg bsonx.Value) ([]node, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(40201, "Argument to $bucket stage must be an object, but found type: %s.", arg.Type)
	}
	a := bucketArgs{coll: p.scope.Collation()}
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if err := a.set(p, name, v); err != nil {
			return nil, err
		}
	}
	if a.groupBy == nil || a.boundaries == nil {
		return nil, mongoerr.New(40198, "$bucket requires 'groupBy' and 'boundaries' to be specified.")
	}
	if err := a.checkDefault(); err != nil {
		return nil, err
	}
	g := &groupStage{scope: p.scope, id: &bucketOf{a.groupBy, a.boundaries, a.other, a.coll}}
	if err := g.parseOutput(a.output); err != nil {
		return nil, err
	}
	by, err := sortBy(p, "_id", 1)
	return []node{newNode("$bucket", arg, g), by}, err
}

func (a *bucketArgs) set(p *parser, name string, v bsonx.Value) (err error) {
	switch name {
	case "groupBy":
		if !isGroupBy(v) {
			return mongoerr.New(40202, "The $bucket 'groupBy' field must be defined as a $-prefixed path or an expression, but found: %s.", bsonx.Format(v))
		}
		a.groupBy, err = expr.Parse(v, p.scope)
		return err
	case "boundaries":
		return a.setBoundaries(p, v)
	case "default":
		a.other, err = constant(p, v, 40195, "The $bucket 'default' field must be a constant, but found: %s.")
		return err
	case "output":
		if v.Type != bsonx.TypeDocument {
			return mongoerr.New(40196, "The $bucket 'output' field must be an object, but found type: %s.", v.Type)
		}
		a.output = v.Doc()
		return nil
	}
	return mongoerr.New(40197, "Unrecognized option to $bucket: %s.", name)
}

// isGroupBy reports whether v is a path or an expression object.
func isGroupBy(v bsonx.Value) bool {
	if v.Type == bsonx.TypeString {
		return strings.HasPrefix(v.Str(), "$")
	}
	key, _, ok := v.Doc().First()
	return v.Type == bsonx.TypeDocument && ok && strings.HasPrefix(key, "$")
}

// constant evaluates an expression that may not depend on a document.
func constant(p *parser, v bsonx.Value, code mongoerr.Code, format string) (bsonx.Value, error) {
	e, err := expr.Parse(v, p.scope)
	if err != nil {
		return v, err
	}
	c, ok := e.(*expr.Const)
	if !ok {
		return v, mongoerr.New(code, format, bsonx.Format(v))
	}
	return c.Value, nil
}

func (a *bucketArgs) setBoundaries(p *parser, v bsonx.Value) error {
	if v.Type != bsonx.TypeArray {
		return mongoerr.New(40200, "The $bucket 'boundaries' field must be an array, but found type: %s.", v.Type)
	}
	for it := v.Doc().Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			break
		}
		b, err := constant(p, elem, 40191, "The $bucket 'boundaries' field must be an array of constant values, but found value: %s.")
		if err != nil {
			return err
		}
		a.boundaries = append(a.boundaries, b)
	}
	if len(a.boundaries) < 2 {
		return mongoerr.New(40192, "The $bucket 'boundaries' field must have at least 2 values, but found %d value(s).", len(a.boundaries))
	}
	for i := 1; i < len(a.boundaries); i++ {
		lower, upper := a.boundaries[i-1], a.boundaries[i]
		if lower.Type.Class() != upper.Type.Class() {
			return mongoerr.New(40193, "All values in the the 'boundaries' option to $bucket must have the same type. Found conflicting types %s and %s.", lower.Type, upper.Type)
		}
		if a.coll.Compare(lower, upper) >= 0 {
			return mongoerr.New(40194, "The 'boundaries' option to $bucket must be sorted, but elements %d and %d are not in ascending order (%s is not less than %s).",
				i-1, i, bsonx.Format(lower), bsonx.Format(upper))
		}
	}
	return nil
}

// checkDefault holds the default bucket's name against the range of the others.
func (a *bucketArgs) checkDefault() error {
	lowest, highest := a.boundaries[0], a.boundaries[len(a.boundaries)-1]
	if a.other.IsMissing() || a.coll.Compare(a.other, lowest) < 0 || a.coll.Compare(a.other, highest) >= 0 {
		return nil
	}
	return mongoerr.New(40199, "The $bucket 'default' field must be less than the lowest boundary or greater than or equal to the highest boundary.")
}

// parseOutput adds the output fields of a bucket stage: a count if there are none.
func (s *groupStage) parseOutput(output bsonx.Doc) error {
	if output == nil {
		output = bsonx.NewBuilder(nil).StartDoc("count").Int32("$sum", 1).Build()
	}
	for it := output.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return nil
		}
		st, err := parseStatement(name, v, s.scope)
		if err != nil {
			return err
		}
		s.fields = append(s.fields, st)
	}
}

// bucketOf is the expression for the lower boundary of the bucket that a value is in.
type bucketOf struct {
	value      expr.Expr
	boundaries []bsonx.Value
	other      bsonx.Value
	coll       *collation.Collation
}

// Args returns the expression for the value.
func (e *bucketOf) Args() []expr.Expr { return []expr.Expr{e.value} }

// Eval finds the bucket.
func (e *bucketOf) Eval(c *expr.Context) (bsonx.Value, error) {
	v, err := e.value.Eval(c)
	if err != nil {
		return v, err
	}
	above := sort.Search(len(e.boundaries), func(i int) bool { return e.coll.Compare(e.boundaries[i], v) > 0 })
	if above > 0 && above < len(e.boundaries) {
		return e.boundaries[above-1], nil
	}
	if e.other.IsMissing() {
		return v, mongoerr.New(40066, "$switch could not find a matching branch for an input, and no default was specified.")
	}
	return e.other, nil
}

// sortBy makes a $sort by one field.
func sortBy(p *parser, field string, direction int32) (node, error) {
	arg := bsonx.Document(bsonx.NewBuilder(nil).Int32(field, direction).Build())
	st, err := parseSort(p, arg)
	return newNode("$sort", arg, st), err
}

// parseSortByCount makes $sortByCount of $group and $sort.
func parseSortByCount(p *parser, _ string, arg bsonx.Value) ([]node, error) {
	switch arg.Type {
	case bsonx.TypeDocument:
		if !isGroupBy(arg) {
			return nil, mongoerr.New(40147, "the sortByCount field must be defined as a $-prefixed path or an expression inside an object")
		}
	case bsonx.TypeString:
		if !isGroupBy(arg) {
			return nil, mongoerr.New(40148, "the sortByCount field must be defined as a $-prefixed path or an expression inside an object")
		}
	default:
		return nil, mongoerr.New(40149, "the sortByCount field must be specified as a string or as an object")
	}
	spec := bsonx.Document(bsonx.NewBuilder(nil).Value("_id", arg).StartDoc("count").Int32("$sum", 1).Build())
	group, err := parseGroup(p, spec)
	if err != nil {
		return nil, err
	}
	by, err := sortBy(p, "count", -1)
	return []node{newNode("$group", spec, group), by}, err
}
