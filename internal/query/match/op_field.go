package match

import (
	"math"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// fieldParser compiles a field operator; a nil node says nothing.
type fieldParser func(p *parser, o operand) (Node, error)

// fieldOperators is the table of field operators, filled at start as topOperators is.
var fieldOperators map[string]fieldParser

func init() {
	fieldOperators = map[string]fieldParser{
		"$all":           parseAll,
		"$bitsAllClear":  bitsParser(AllClear),
		"$bitsAllSet":    bitsParser(AllSet),
		"$bitsAnyClear":  bitsParser(AnyClear),
		"$bitsAnySet":    bitsParser(AnySet),
		"$comment":       func(*parser, operand) (Node, error) { return nil, nil },
		"$elemMatch":     parseElemMatch,
		"$eq":            compareParser(Eq),
		"$exists":        parseExists,
		"$geoIntersects": parseGeoWithin,
		"$geoWithin":     parseGeoWithin,
		"$gt":            compareParser(Gt),
		"$gte":           compareParser(Gte),
		"$in":            parseIn,
		"$lt":            compareParser(Lt),
		"$lte":           compareParser(Lte),
		"$mod":           parseMod,
		"$ne":            parseNe,
		"$near":          parseNear,
		"$nearSphere":    parseNear,
		"$nin":           parseNin,
		"$not":           parseNot,
		"$options":       parseOptions,
		"$regex":         parseRegex,
		"$size":          parseSize,
		"$type":          parseType,
	}
}

func compareParser(op Op) fieldParser {
	return func(p *parser, o operand) (Node, error) {
		switch {
		case o.value.Type == bsonx.TypeUndefined:
			return nil, errUndefined
		case o.value.Type == bsonx.TypeRegex && op != Eq:
			return nil, mongoerr.New(mongoerr.BadValue, "Can't have RegEx as arg to predicate over field '%s'.", o.Path)
		}
		return p.compare(o.Field, op, o.value), nil
	}
}

func parseNe(p *parser, o operand) (Node, error) {
	switch o.value.Type {
	case bsonx.TypeUndefined:
		return nil, errUndefined
	case bsonx.TypeRegex:
		return nil, mongoerr.New(mongoerr.BadValue, "Can't have regex as arg to $ne.")
	}
	return &Not{p.compare(o.Field, Eq, o.value)}, nil
}

func parseIn(p *parser, o operand) (Node, error) {
	if o.value.Type != bsonx.TypeArray {
		return nil, mongoerr.New(mongoerr.BadValue, "%s needs an array", o.name)
	}
	var values []bsonx.Value
	var regexes []*Regex
	for it := o.value.Doc().Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			break
		}
		switch {
		case isOperators(v):
			return nil, mongoerr.New(mongoerr.BadValue, "cannot nest $ under %s", o.name)
		case v.Type == bsonx.TypeUndefined:
			return nil, errUndefined
		case v.Type == bsonx.TypeRegex:
			pattern, options := v.Regex()
			re, err := newRegex(o.Field, pattern, options)
			if err != nil {
				return nil, err
			}
			regexes = append(regexes, re)
		default:
			values = append(values, v)
		}
	}
	return simplifyIn(newIn(o.Field, values, regexes, p.scope.Collation())), nil
}

// simplifyIn replaces lists of one and of none.
func simplifyIn(n *In) Node {
	switch {
	case len(n.Values) == 1 && len(n.Regexes) == 0:
		return &Compare{Field: n.Field, Op: Eq, Value: n.Values[0], Collation: n.Collation}
	case len(n.Values) == 0 && len(n.Regexes) == 1:
		return n.Regexes[0]
	case len(n.Values) == 0 && len(n.Regexes) == 0:
		return Const(false)
	}
	return n
}

func parseNin(p *parser, o operand) (Node, error) {
	in, err := parseIn(p, o)
	if err != nil {
		return nil, err
	}
	return &Not{in}, nil
}

func parseNot(p *parser, o operand) (Node, error) {
	switch o.value.Type {
	case bsonx.TypeRegex:
		re, err := p.equality(o.Field, o.value)
		if err != nil {
			return nil, err
		}
		return &Not{re}, nil
	case bsonx.TypeDocument:
	default:
		return nil, mongoerr.New(mongoerr.BadValue, "$not needs a regex or a document")
	}
	if o.value.Doc().IsEmpty() {
		return nil, mongoerr.New(mongoerr.BadValue, "$not cannot be empty")
	}
	nodes, err := p.operators(o.Field, o.value.Doc())
	if err != nil {
		return nil, err
	}
	return &Not{conjunction(nodes)}, nil
}

func parseExists(_ *parser, o operand) (Node, error) {
	n := &Exists{o.Field}
	if !o.value.Truthy() {
		return &Not{n}, nil
	}
	return n, nil
}

func parseType(_ *parser, o operand) (Node, error) {
	n := &Type{Field: o.Field}
	if o.value.Type != bsonx.TypeArray {
		if err := addType(&n.Types, o.value); err != nil {
			return nil, err
		}
		return n, nil
	}
	for it := o.value.Doc().Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			break
		}
		if err := addType(&n.Types, v); err != nil {
			return nil, err
		}
	}
	if n.Types.IsEmpty() {
		return nil, mongoerr.New(mongoerr.FailedToParse, "%s must match at least one type", o.Path)
	}
	return n, nil
}

// addType adds the type that a code or an alias names.
func addType(s *TypeSet, v bsonx.Value) error {
	switch {
	case v.Type == bsonx.TypeString && v.Str() == "number":
		s.addNumbers()
	case v.Type == bsonx.TypeString:
		t, ok := bsonx.TypeByAlias(v.Str())
		if !ok {
			return mongoerr.New(mongoerr.BadValue, "Unknown type name alias: %s", v.Str())
		}
		s.Add(t)
	case v.IsNumber():
		code, ok := integral(v)
		t, known := bsonx.TypeByCode(code)
		if !ok || !known {
			return mongoerr.New(mongoerr.BadValue, "Invalid numerical type code: %s", formatCode(v))
		}
		s.Add(t)
	default:
		return mongoerr.New(mongoerr.TypeMismatch, "type must be represented as a number or a string")
	}
	return nil
}

// formatCode renders a number without a fraction that says nothing.
func formatCode(v bsonx.Value) string { return strings.TrimSuffix(bsonx.Format(v), ".0") }

func parseSize(_ *parser, o operand) (Node, error) {
	if !o.value.IsNumber() {
		return nil, mongoerr.New(mongoerr.BadValue, "Failed to parse $size. Expected a number in: $size: %s", bsonx.Format(o.value))
	}
	size, ok := integral(o.value)
	if !ok {
		return nil, mongoerr.New(mongoerr.BadValue, "Failed to parse $size. Expected an integer: $size: %s", bsonx.Format(o.value))
	}
	if size < 0 {
		return nil, mongoerr.New(mongoerr.BadValue, "Failed to parse $size. Expected a non-negative number in: $size: %s", bsonx.Format(o.value))
	}
	return &Size{Field: o.Field, Size: int(min(size, math.MaxInt32))}, nil
}

func parseAll(p *parser, o operand) (Node, error) {
	if o.value.Type != bsonx.TypeArray {
		return nil, mongoerr.New(mongoerr.BadValue, "$all needs an array")
	}
	var nodes []Node
	elemMatches := firstKeyOfFirst(o.value.Doc()) == "$elemMatch"
	for it := o.value.Doc().Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			break
		}
		node, err := p.allElement(o, v, elemMatches)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	if len(nodes) == 0 {
		return Const(false), nil
	}
	return conjunction(nodes), nil
}

func firstKeyOfFirst(arr bsonx.Doc) string {
	_, v, _ := arr.First()
	return firstKey(v)
}

func (p *parser) allElement(o operand, v bsonx.Value, elemMatches bool) (Node, error) {
	if elemMatches {
		if firstKey(v) != "$elemMatch" {
			return nil, mongoerr.New(mongoerr.BadValue, "$all/$elemMatch has to be consistent")
		}
		return parseElemMatch(p, operand{Field: o.Field, name: "$elemMatch", value: v.Doc().Lookup("$elemMatch"), all: v.Doc()})
	}
	if isOperators(v) {
		return nil, mongoerr.New(mongoerr.BadValue, "no $ expressions in $all")
	}
	return p.equality(o.Field, v)
}

func parseElemMatch(p *parser, o operand) (Node, error) {
	if o.value.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.BadValue, "$elemMatch needs an Object")
	}
	if isOperators(o.value) && topOperators[firstKey(o.value)] == nil {
		nodes, err := p.operators(newField(""), o.value.Doc())
		if err != nil {
			return nil, err
		}
		return &ElemMatchValue{o.Field, nodes}, nil
	}
	node, err := p.document(o.value.Doc(), levelElement)
	if err != nil {
		return nil, err
	}
	return &ElemMatchObject{o.Field, node}, nil
}

func parseMod(_ *parser, o operand) (Node, error) {
	if o.value.Type != bsonx.TypeArray {
		return nil, mongoerr.New(mongoerr.BadValue, "malformed mod, needs to be an array")
	}
	switch n := o.value.Doc().Count(); {
	case n < 2:
		return nil, mongoerr.New(mongoerr.BadValue, "malformed mod, not enough elements")
	case n > 2:
		return nil, mongoerr.New(mongoerr.BadValue, "malformed mod, too many elements")
	}
	div, err := modOperand("divisor", o.value.Doc().Index(0))
	if err != nil {
		return nil, err
	}
	rem, err := modOperand("remainder", o.value.Doc().Index(1))
	if err != nil {
		return nil, err
	}
	if div == 0 {
		return nil, mongoerr.New(mongoerr.BadValue, "divisor cannot be 0")
	}
	return &Mod{o.Field, div, rem}, nil
}

func modOperand(what string, v bsonx.Value) (int64, error) {
	if !v.IsNumber() {
		return 0, mongoerr.New(mongoerr.BadValue, "malformed mod, %s not a number", what)
	}
	i, ok := truncate(v)
	switch {
	case ok:
		return i, nil
	case isNaN(v) || v.Type == bsonx.TypeDouble && math.IsInf(v.Double(), 0):
		return 0, mongoerr.New(mongoerr.BadValue, "malformed mod, %s value is invalid :: caused by :: Unable to coerce NaN/Inf to integral type", what)
	}
	return 0, mongoerr.New(mongoerr.BadValue, "malformed mod, %s value is invalid :: caused by :: Out of bounds coercing to integral value", what)
}

func parseOptions(_ *parser, o operand) (Node, error) {
	if o.all.Lookup("$regex").IsMissing() {
		return nil, mongoerr.New(mongoerr.BadValue, "$options needs a $regex")
	}
	return nil, nil
}

func parseRegex(_ *parser, o operand) (Node, error) {
	var pattern, options string
	switch o.value.Type {
	case bsonx.TypeString:
		pattern = o.value.Str()
	case bsonx.TypeRegex:
		pattern, options = o.value.Regex()
	default:
		return nil, mongoerr.New(mongoerr.BadValue, "$regex has to be a string")
	}
	switch v := o.all.Lookup("$options"); v.Type {
	case bsonx.Missing:
	case bsonx.TypeString:
		if options != "" {
			return nil, mongoerr.New(51074, "options set in both $regex and $options")
		}
		options = v.Str()
	default:
		return nil, mongoerr.New(mongoerr.BadValue, "$options has to be a string")
	}
	return newRegex(o.Field, pattern, options)
}

func bitsParser(op BitsOp) fieldParser {
	return func(_ *parser, o operand) (Node, error) {
		positions, err := bitPositions(o)
		if err != nil {
			return nil, err
		}
		return newBits(o.Field, op, positions), nil
	}
}

func bitPositions(o operand) ([]int, error) {
	switch {
	case o.value.Type == bsonx.TypeArray:
		return listedPositions(o.value.Doc())
	case o.value.Type == bsonx.TypeBinary:
		_, b := o.value.Binary()
		return setBits(b), nil
	case o.value.IsNumber():
		mask, ok := integral(o.value)
		if !ok {
			return nil, mongoerr.New(mongoerr.FailedToParse, "Expected an integer: %s: %s", o.name, bsonx.Format(o.value))
		}
		if mask < 0 {
			return nil, mongoerr.New(mongoerr.FailedToParse, "Expected a non-negative number in: %s: %s", o.name, bsonx.Format(o.value))
		}
		var b [8]byte
		for i := range b {
			b[i] = byte(mask >> (8 * i))
		}
		return setBits(b[:]), nil
	}
	return nil, mongoerr.New(mongoerr.BadValue, "%s takes an Array, a number, or a BinData but received: %s: %s", o.Path, o.name, bsonx.Format(o.value))
}

func setBits(b []byte) []int {
	var positions []int
	for i := range len(b) * 8 {
		if b[i/8]&(1<<(i%8)) != 0 {
			positions = append(positions, i)
		}
	}
	return positions
}

func listedPositions(arr bsonx.Doc) ([]int, error) {
	positions := []int{}
	for it := arr.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return positions, nil
		}
		what := key + ": " + bsonx.Format(v)
		if !v.IsNumber() {
			return nil, mongoerr.New(mongoerr.BadValue, "Failed to parse bit position. Expected a number in: %s", what)
		}
		i, ok := integral(v)
		switch {
		case !ok || i > math.MaxInt32:
			return nil, mongoerr.New(mongoerr.BadValue, "Failed to parse bit position. Expected an integer: %s", what)
		case i < 0:
			return nil, mongoerr.New(mongoerr.BadValue, "Failed to parse bit position. Expected a non-negative number in: %s", what)
		}
		positions = append(positions, int(i))
	}
}

func parseNear(p *parser, o operand) (Node, error) {
	if !p.use.query() {
		return nil, mongoerr.New(5626500, "$geoNear, $near, and $nearSphere are not allowed in this context, as these operators require sorting geospatial data. If you do not need sort, consider using $geoWithin instead.")
	}
	return nil, mongoerr.New(mongoerr.NoQueryExecutionPlans, "unable to find index for $geoNear query: %s on field '%s'", o.name, o.Path)
}

func parseGeoWithin(_ *parser, o operand) (Node, error) {
	return nil, mongoerr.New(mongoerr.NotImplemented, "%s is not supported", o.name)
}

// toDouble converts a number, which loses digits of large integers and decimals.
func toDouble(v bsonx.Value) float64 {
	switch v.Type {
	case bsonx.TypeDouble:
		return v.Double()
	case bsonx.TypeDecimal128:
		f, _ := strconv.ParseFloat(v.Decimal128().String(), 64)
		return f
	}
	return float64(v.Int64())
}
