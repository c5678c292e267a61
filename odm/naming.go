package odm

import (
	"regexp"
	"slices"
	"strings"
)

var uncountable = strings.Fields(`advice energy excretion digestion cooperation health justice labour machinery equipment
	information pollution sewage paper money species series rain rice fish sheep moose deer news expertise status media`)

// plural is a rule for the end of a word; the first that fits is used.
type plural struct {
	end *regexp.Regexp
	to  string
}

var plurals = func() []plural {
	rules := [][2]string{
		{`human$`, `humans`},
		{`(m|wom)an$`, `${1}en`},
		{`(pe)rson$`, `${1}ople`},
		{`(child)$`, `${1}ren`},
		{`^(ox)$`, `${1}en`},
		{`(ax|test)is$`, `${1}es`},
		{`(octop|cact|foc|fung|nucle)us$`, `${1}i`},
		{`(alias|status|virus)$`, `${1}es`},
		{`(bu)s$`, `${1}ses`},
		{`(buffal|tomat|potat)o$`, `${1}oes`},
		{`([ti])um$`, `${1}a`},
		{`sis$`, `ses`},
		{`([^f])fe$`, `${1}ves`},
		{`([lr])f$`, `${1}ves`},
		{`(hive)$`, `${1}s`},
		{`([^aeiouy]|qu)y$`, `${1}ies`},
		{`(x|ch|ss|sh)$`, `${1}es`},
		{`([ml])ouse$`, `${1}ice`},
		{`(kn|w|l)ife$`, `${1}ives`},
		{`(quiz)$`, `${1}zes`},
		{`^goose$`, `geese`},
		{`s$`, `s`},
		{`([^a-z])$`, `${1}`},
		{`$`, `s`},
	}
	out := make([]plural, 0, len(rules))
	for _, r := range rules {
		out = append(out, plural{regexp.MustCompile(r[0]), r[1]})
	}
	return out
}()

// Pluralize returns the name of the collection that a model has by default, as Mongoose
// makes it: Person is kept in people, BlogPost in blogposts.
func Pluralize(model string) string {
	name := strings.ToLower(model)
	if slices.Contains(uncountable, name) {
		return name
	}
	for _, p := range plurals {
		if p.end.MatchString(name) {
			return p.end.ReplaceAllString(name, p.to)
		}
	}
	return name
}
