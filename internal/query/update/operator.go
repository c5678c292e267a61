package update

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// missingPath says what a modifier does where its path does not exist.
type missingPath uint8

const (
	ignorePath missingPath = iota // nothing, even if the path cannot exist
	skipPath                      // nothing, but a path that cannot exist is an error
	createPath                    // it creates the field
)

// modifier is one operator with its argument at the end of one path.
type modifier interface {
	// apply returns the new value for the old one. A missing result removes the field.
	// The result may alias r.scratch, so it is valid until the next apply.
	apply(r *run, n *node, old bsonx.Value) (bsonx.Value, error)

	// missing says what happens if there is no old value. It is asked before apply.
	missing(r *run) missingPath
}

// operator is one entry of the operator table.
type operator struct {
	name string

	// build makes the modifier of one field of the operator's document.
	build func(path string, arg bsonx.Value, opts *Options) (modifier, error)

	// nesting is how many levels of documents the operator may put around its argument.
	nesting int
}

// Operators lists the names of all update operators.
func Operators() []string {
	names := []string{"$rename"}
	for _, op := range operators {
		names = append(names, op.name)
	}
	return names
}

// operators is the table of update operators, apart from $rename, which has two paths.
var operators = []operator{
	{name: "$addToSet", build: buildAddToSet, nesting: 1},
	{name: "$bit", build: buildBit},
	{name: "$currentDate", build: buildCurrentDate},
	{name: "$inc", build: buildArithmetic(&arithInc)},
	{name: "$max", build: buildExtreme(1)},
	{name: "$min", build: buildExtreme(-1)},
	{name: "$mul", build: buildArithmetic(&arithMul)},
	{name: "$pop", build: buildPop},
	{name: "$pull", build: buildPull},
	{name: "$pullAll", build: buildPullAll},
	{name: "$push", build: buildPush, nesting: 1},
	{name: "$set", build: buildSet},
	{name: "$setOnInsert", build: buildSetOnInsert},
	{name: "$unset", build: buildUnset},
}

func findOperator(name string) *operator {
	for i := range operators {
		if operators[i].name == name {
			return &operators[i]
		}
	}
	return nil
}

// parseOperators compiles a document of operators.
func (u *Update) parseOperators(spec bsonx.Doc, opts *Options) error {
	u.kind = KindOperators
	u.root = newNode("", "")
	filters, err := parseArrayFilters(opts.ArrayFilters, u.scope)
	if err != nil {
		return err
	}
	for it := spec.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		op := findOperator(name)
		if op == nil && name != "$rename" {
			return mongoerr.New(mongoerr.FailedToParse,
				"Unknown modifier: %s. Expected a valid update modifier or pipeline-style update specified as an array", name)
		}
		if v.Type != bsonx.TypeDocument {
			return mongoerr.New(mongoerr.FailedToParse,
				"Modifiers operate on fields but we found type %s instead. For example: {$mod: {<field>: ...}} not {%s: %s}",
				v.Type, name, bsonx.Format(v))
		}
		if err := u.parseFields(op, v.Doc(), opts, filters); err != nil {
			return err
		}
	}
	return filters.checkUsed(spec)
}

// parseFields compiles the fields of one operator; op is nil for $rename.
func (u *Update) parseFields(op *operator, fields bsonx.Doc, opts *Options, filters *filterSet) error {
	for it := fields.Iter(); ; {
		path, arg, ok := it.Next()
		if !ok {
			return nil
		}
		if op == nil {
			if err := u.parseRename(path, arg); err != nil {
				return err
			}
			continue
		}
		parts, err := splitPath(path)
		if err != nil {
			return err
		}
		mod, err := op.build(path, arg, opts)
		if err != nil {
			return err
		}
		if err := checkNewName(parts, path, mod); err != nil {
			return err
		}
		if err := u.root.add(path, parts, mod, filters); err != nil {
			return err
		}
		u.note(parts, path)
		if len(parts)+op.nesting+nesting(arg) > bsonx.MaxDepth {
			u.mayDeepen = true
		}
	}
}

// note records what Apply has to know about a path.
func (u *Update) note(parts []string, path string) {
	for _, p := range parts {
		u.positional = u.positional || isPositional(p)
	}
	if parts[0] == "_id" && u.immutable == "" {
		u.immutable = path
	}
}

// checkNewName refuses to create top-level fields that look like operators.
func checkNewName(parts []string, path string, mod modifier) error {
	if _, ok := mod.(unset); ok || parts[0][0] != '$' {
		return nil
	}
	return dollarPrefixed(parts[0], path)
}

func dollarPrefixed(name, path string) error {
	return mongoerr.New(mongoerr.DollarPrefixedFieldName,
		"The dollar ($) prefixed field '%s' in '%s' is not allowed in the context of an update's replacement document. "+
			"Consider using an aggregation pipeline with $replaceWith.", name, path)
}
