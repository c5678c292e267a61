package collation

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// simple is the name of the binary comparison.
const simple = "simple"

// locale is one row of the table of locales.
type locale struct {
	name string
	tag  string // of package collate

	// Where the locale's own rules differ from the general ones.
	backwards  bool
	upperFirst bool
	strengths  int // the highest strength there is data for, 0 for any
}

// locales are the supported ones, ordered by name: those whose rules are the general ones, and
// those whose tailoring package collate has and gets right. Left out are languages whose scripts
// are moved before the Latin one, which it cannot do.
var locales = []locale{
	{name: "af", tag: "af"},
	{name: "ca", tag: "ca"},
	{name: "cs", tag: "cs"},
	{name: "cy", tag: "cy"},
	{name: "da", tag: "da", upperFirst: true},
	{name: "de", tag: "de"},
	{name: "de@collation=phonebook", tag: "de-u-co-phonebk"},
	{name: "en", tag: "en"},
	{name: "en_US", tag: "en"},
	{name: "en_US_POSIX", tag: "en-US-u-va-posix"},
	{name: "eo", tag: "eo"},
	{name: "es", tag: "es"},
	{name: "et", tag: "et"},
	{name: "fi", tag: "fi"},
	{name: "fil", tag: "fil"},
	{name: "fo", tag: "fo"},
	{name: "fr", tag: "fr"},
	{name: "fr_CA", tag: "fr", backwards: true},
	{name: "ga", tag: "und"},
	{name: "hr", tag: "hr"},
	{name: "hu", tag: "hu"},
	{name: "id", tag: "und"},
	{name: "is", tag: "is"},
	{name: "it", tag: "und"},
	{name: "ja", tag: "ja", strengths: tertiary},
	{name: "lt", tag: "lt"},
	{name: "lv", tag: "lv"},
	{name: "ms", tag: "und"},
	{name: "mt", tag: "mt", upperFirst: true},
	{name: "nb", tag: "nn"},
	{name: "nl", tag: "und"},
	{name: "nn", tag: "nn"},
	{name: "pl", tag: "pl"},
	{name: "pt", tag: "und"},
	{name: "ro", tag: "ro"},
	{name: "sk", tag: "sk"},
	{name: "sl", tag: "sl"},
	{name: "sq", tag: "sq"},
	{name: "sv", tag: "sv"},
	{name: "sw", tag: "und"},
	{name: "tr", tag: "tr"},
	{name: "vi", tag: "vi"},
	{name: "zu", tag: "und"},
}

// unsupported are the locales that MongoDB has besides, without variants.
var unsupported = strings.Fields("am ar as az be bg bn bo bs bs_Cyrl chr de_AT dsb dz ee el fa fa_AF gl gu ha haw he hi " +
	"hsb hy ig ka kk kl km kn ko kok ky lb lkt ln lo mk ml mn mr my ne om or pa ps ru se si smn sr sr_Latn ta te th to " +
	"ug uk ur wae yi yo zh zh_Hant")

// findLocale returns the row of a locale.
func findLocale(name string) (*locale, bool) {
	i, ok := slices.BinarySearchFunc(locales, name, func(l locale, name string) int { return strings.Compare(l.name, name) })
	if !ok {
		return nil, false
	}
	return &locales[i], true
}

// isForeign reports whether MongoDB knows a locale that we do not.
func isForeign(name string) bool {
	base, variant, has := strings.Cut(name, "@collation=")
	if slices.Contains(unsupported, base) {
		return true
	}
	_, ok := findLocale(base)
	return ok && has && variant != ""
}

// tag returns the tag that package collate finds the locale's rules by.
func (l *locale) languageTag(backwards bool) language.Tag {
	t := language.Raw.Make(l.tag)
	if backwards {
		t, _ = t.SetTypeForKey("kb", "true") // both are well-formed
	}
	return t
}
