package agg

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// mergeModes are the combinations of whenMatched and whenNotMatched that exist.
var mergeModes = map[[2]string]bool{
	{"replace", "insert"}: true, {"replace", "fail"}: true, {"replace", "discard"}: true,
	{"merge", "insert"}: true, {"merge", "fail"}: true, {"merge", "discard"}: true,
	{"pipeline", "insert"}: true, {"pipeline", "fail"}: true, {"pipeline", "discard"}: true,
	{"keepExisting", "insert"}: true, {"fail", "insert"}: true,
}

func parseMerge(p *parser, arg bsonx.Value) (*WriteSpec, error) {
	s := &WriteSpec{Stage: "$merge", Target: Namespace{DB: p.opts.DB}, whenMatched: "merge", whenNotMatched: "insert", DefaultOn: true, parser: p}
	var let bsonx.Value
	switch arg.Type {
	case bsonx.TypeString:
		s.Target.Coll = arg.Str()
	case bsonx.TypeDocument:
		var err error
		if let, err = s.parseOptions(arg.Doc()); err != nil {
			return nil, err
		}
	default:
		return nil, mongoerr.New(51182, "$merge only supports a string or object argument, not %s", arg.Type)
	}
	if err := s.Target.checkWritable("$merge", 31319, 31320); err != nil {
		return nil, err
	}
	if !mergeModes[[2]string{s.whenMatched, s.whenNotMatched}] {
		return nil, mongoerr.New(51181, "Combination of $merge modes 'whenMatched: %s' and 'whenNotMatched: %s' is not supported", s.whenMatched, s.whenNotMatched)
	}
	if s.DefaultOn {
		s.On, s.on = []string{"_id"}, []path{{"_id"}}
	}
	return s, s.parseLet(let)
}

func (s *WriteSpec) parseOptions(d bsonx.Doc) (let bsonx.Value, err error) {
	into := false
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		switch name {
		case "into":
			into = true
			err = s.parseInto(v)
		case "on":
			err = s.parseOn(v)
		case "let":
			let = v
			if v.Type != bsonx.TypeDocument {
				err = mongoerr.New(mongoerr.TypeMismatch, "BSON field '$merge.let' is the wrong type '%s', expected type 'object'", v.Type)
			}
		case "whenMatched":
			err = s.parseWhenMatched(v)
		case "whenNotMatched":
			s.whenNotMatched, err = mergeMode(name, v, "insert", "discard", "fail")
		default:
			err = unknownOption(40415, "$merge", name)
		}
		if err != nil {
			return let, err
		}
	}
	if !into {
		return let, mongoerr.New(40414, "BSON field '$merge.into' is missing but a required field")
	}
	return let, nil
}

func (s *WriteSpec) parseInto(v bsonx.Value) error {
	switch v.Type {
	case bsonx.TypeString:
		s.Target.Coll = v.Str()
		return nil
	case bsonx.TypeDocument:
		return s.Target.parse("$merge.into", v.Doc())
	}
	return mongoerr.New(51178, "$merge 'into' field  must be either a string or an object, but found %s", v.Type)
}

func (s *WriteSpec) parseOn(v bsonx.Value) error {
	s.DefaultOn = false
	switch v.Type {
	case bsonx.TypeString:
		return s.addOn(v.Str())
	case bsonx.TypeArray:
	default:
		return mongoerr.New(51186, "$merge 'on' field  must be either a string or an array of strings, but found %s", v.Type)
	}
	if v.Doc().IsEmpty() {
		return mongoerr.New(51187, "If explicitly specifying $merge 'on', must include at least one field")
	}
	for it := v.Doc().Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			return nil
		}
		if elem.Type != bsonx.TypeString {
			return mongoerr.New(51134, "$merge 'on' array elements must be strings, but found %s", elem.Type)
		}
		if err := s.addOn(elem.Str()); err != nil {
			return err
		}
	}
}

func (s *WriteSpec) addOn(field string) error {
	if slices.Contains(s.On, field) {
		return mongoerr.New(31465, "Found a duplicate field '%s'", field)
	}
	p, err := parsePath(field)
	s.On, s.on = append(s.On, field), append(s.on, p)
	return err
}

func (s *WriteSpec) parseWhenMatched(v bsonx.Value) (err error) {
	if v.Type == bsonx.TypeArray {
		s.whenMatched, s.pipeline = "pipeline", v.Doc()
		return nil
	}
	if v.Type != bsonx.TypeString {
		return mongoerr.New(51191, "$merge 'whenMatched' field  must be either a string or an array, but found %s", v.Type)
	}
	s.whenMatched, err = mergeMode("whenMatched", v, "replace", "merge", "keepExisting", "fail")
	return err
}

func mergeMode(name string, v bsonx.Value, modes ...string) (string, error) {
	if v.Type != bsonx.TypeString {
		return "", mongoerr.New(mongoerr.TypeMismatch, "BSON field '$merge.%s' is the wrong type '%s', expected type 'string'", name, v.Type)
	}
	for _, m := range modes {
		if v.Str() == m {
			return m, nil
		}
	}
	return "", mongoerr.New(mongoerr.BadValue, "Enumeration value '%s' for field '$merge.%s' is not a valid value.", v.Str(), name)
}

// parseLet reads the variables of the update pipeline and checks that it parses with them.
func (s *WriteSpec) parseLet(let bsonx.Value) error {
	if s.pipeline == nil {
		if !let.IsMissing() {
			return mongoerr.New(51199, "Cannot use 'let' variables with 'whenMatched: %s' mode", s.whenMatched)
		}
		return nil
	}
	scope, _ := s.parser.scope.With("new")
	for it := let.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if name == "new" {
			if v.Str() != "$$ROOT" {
				return mongoerr.New(51273, "'let' may not define a value for the reserved 'new' variable other than '$$ROOT'")
			}
			continue
		}
		if err := expr.CheckUserVariable(name); err != nil {
			return err
		}
		e, err := expr.Parse(v, s.parser.scope)
		if err != nil {
			return err
		}
		s.let = append(s.let, letVariable{name, e})
		scope, _ = scope.With(name)
	}
	_, err := ParseUpdate(s.pipeline, scope)
	return err
}

// merge writes each document as the modes say.
func (s *WriteSpec) merge(ctx context.Context, in Iterator, w Writer) error {
	if !s.DefaultOn {
		ok, err := w.HasUniqueIndex(ctx, s.Target, s.On)
		if err != nil {
			return err
		}
		if !ok {
			return mongoerr.New(51183, "Cannot find index to verify that join fields will be unique")
		}
	}
	c := s.parser.scope.NewContext()
	return drain(ctx, in, func(d bsonx.Doc) error { return s.mergeOne(ctx, d, c, w) })
}

func (s *WriteSpec) mergeOne(ctx context.Context, d bsonx.Doc, c *expr.Context, w Writer) error {
	filter, err := s.key(d)
	if err != nil {
		return err
	}
	// Without a key there is nothing to match: the document gets a new _id.
	if filter != nil && s.whenMatched != "fail" {
		matched, err := s.update(ctx, filter, d, c, w)
		if matched || err != nil {
			return err
		}
	}
	switch s.whenNotMatched {
	case "insert":
		return w.Insert(ctx, s.Target, d)
	case "fail":
		return mongoerr.New(13113, "$merge could not find a matching document in the target collection for at least one document in the source collection")
	}
	return nil
}

// key returns the filter for the document that d is to be merged with, nil if d has no _id
// and is matched by it.
func (s *WriteSpec) key(d bsonx.Doc) (bsonx.Doc, error) {
	b := bsonx.NewBuilder(nil)
	for i, p := range s.on {
		v := p.get(d)
		switch {
		case s.On[i] == "_id" && v.IsMissing():
			return nil, nil
		case v.IsNullish():
			return nil, mongoerr.New(51132, "$merge write error: 'on' field '%s' cannot be missing, null, undefined or an array", s.On[i])
		case v.Type == bsonx.TypeArray:
			return nil, mongoerr.New(51185, "$merge write error: 'on' field '%s' cannot be missing, null, undefined or an array", s.On[i])
		}
		b.StartDoc(s.On[i]).Value("$eq", v).End()
	}
	return b.Build(), nil
}

func (s *WriteSpec) update(ctx context.Context, filter, d bsonx.Doc, c *expr.Context, w Writer) (bool, error) {
	change := func(old bsonx.Doc) (bsonx.Doc, error) { return old, nil } // keepExisting
	switch s.whenMatched {
	case "replace":
		change = func(old bsonx.Doc) (bsonx.Doc, error) { return replaceKeepingID(old, d) }
	case "merge":
		change = func(old bsonx.Doc) (bsonx.Doc, error) { return mergeKeepingID(old, d) }
	case "pipeline":
		u, err := s.bind(d, c)
		if err != nil {
			return false, err
		}
		change = func(old bsonx.Doc) (bsonx.Doc, error) { return u.Apply(nil, old) }
	}
	return w.Update(ctx, s.Target, filter, change)
}

// bind parses the update pipeline with the variables' values for one document.
func (s *WriteSpec) bind(d bsonx.Doc, c *expr.Context) (*Update, error) {
	c.Reset(d)
	scope := s.parser.scope.WithConst("new", bsonx.Document(d))
	for _, v := range s.let {
		val, err := v.expr.Eval(c)
		if err != nil {
			return nil, err
		}
		scope = scope.WithConst(v.name, val)
	}
	return ParseUpdate(s.pipeline, scope)
}

func replaceKeepingID(old, d bsonx.Doc) (bsonx.Doc, error) {
	if err := checkSameID(old, d); err != nil {
		return nil, err
	}
	b := bsonx.NewBuilder(nil).Value("_id", old.Lookup("_id"))
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return b.Build(), nil
		}
		if key != "_id" {
			b.Value(key, v)
		}
	}
}

func mergeKeepingID(old, d bsonx.Doc) (bsonx.Doc, error) {
	if err := checkSameID(old, d); err != nil {
		return nil, err
	}
	return appendMerged(nil, old, d), nil
}

// checkSameID refuses a change of _id. A document without one keeps the old.
func checkSameID(old, d bsonx.Doc) error {
	id := d.Lookup("_id")
	if id.IsMissing() || bsonx.Equal(id, old.Lookup("_id")) {
		return nil
	}
	return mongoerr.New(mongoerr.ImmutableField, "$merge failed to update the matching document, did you attempt to modify the _id or the shard key? :: caused by :: "+
		"Performing an update on the path '_id' would modify the immutable field '_id'")
}

// writeStage makes the table's row of $out or $merge: it is no stage that runs.
func writeStage(name string, parse func(*parser, bsonx.Value) (*WriteSpec, error)) stageSpec {
	return stageSpec{name: name, flags: last | noFacet | noSub | noTxn, parse: func(p *parser, name string, arg bsonx.Value) ([]node, error) {
		w, err := parse(p, arg)
		if err != nil {
			return nil, err
		}
		p.writer = w
		return nil, nil
	}}
}
