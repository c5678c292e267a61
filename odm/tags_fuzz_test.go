package odm

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// tagged has a field of each type that rules know.
var tagged = []any{
	"", false, 0, int8(0), uint16(0), 0.0,
	time.Time{},
	bson.DateTime(0),
	bson.ObjectID{},
	bson.Decimal128{},
	[]byte{},
	[]string{"x"},
	map[string]int{},
	struct{ A string }{},
	(*string)(nil),
	Opt[int]{},
	Opt[bool]{},
	Ref[struct{}]{},
	bson.M{},
	any(nil),
}

// A tag is read without a panic for every type; what is wrong with it names the path, and what
// is not gives rules that can be used.
func FuzzTags(f *testing.F) {
	for _, tag := range []string{
		"required", "required,trim,lowercase", "default=5", "default=now", "default=", "enum=a|b|c", "min=1,max=10", "min=2026-01-01", "minlength=-1",
		"match=^[a-z]+$", "match=(", "expires=1h", "expires=soon", "alias=x,index,unique,sparse", "ref=Company", "extra", "hidden,immutable", "wat", ",,", "min=NaN", "=", "default==,",
	} {
		f.Add(tag)
	}
	f.Fuzz(func(t *testing.T, tag string) {
		for _, sample := range tagged {
			typ := reflect.TypeFor[any]()
			if sample != nil {
				typ = reflect.TypeOf(sample)
			}
			c := &compiler{}
			fd := c.fieldOf(typ, "name", "some.name")
			c.parseRules(fd, tag)
			for _, p := range c.problems {
				require.True(t, strings.HasPrefix(p, "some.name: "), "%q", p)
			}
			if len(c.problems) > 0 {
				continue
			}
			holder := reflect.New(typ).Elem()
			if sample != nil {
				holder.Set(reflect.ValueOf(sample))
			}
			v := validation{ctx: t.Context()}
			v.field(fd, holder, "some.name")
			for _, e := range v.errs {
				require.Equal(t, "some.name", strings.TrimSuffix(e.Path, ".0"))
				require.NotEmpty(t, e.Kind)
				require.NotEmpty(t, e.Message)
			}
			if fd.rules.def != nil && fd.missing(holder) {
				setDefault(holder, fd.rules.def())
			}
			if text, ok := deref(holder); ok && fd.kind == kindString {
				setText(text, fd.rules.setters)
			}
		}
	})
}
