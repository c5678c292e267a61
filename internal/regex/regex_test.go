package regex_test

import (
	"strings"
	"testing"

	"github.com/dlclark/regexp2/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/regex"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { regexp2.StopTimeoutClock() }),
		goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, options, s string
		want                bool
	}{
		{"abc", "", "xxabcxx", true},
		{"abc", "", "ABC", false},
		{"abc", "i", "xABCx", true},
		{"^abc", "", "abcd", true},
		{"^abc", "", "xabc", false},
		{"^abc$", "", "abc", true},
		{"^abc$", "", "abc\n", true},
		{"^abc$", "", "abc\n\n", false},
		{`^abc\z`, "", "abc\n", false},
		{`^abc\Z`, "", "abc\n", true},
		{"^b$", "", "a\nb\nc", false},
		{"^b$", "m", "a\nb\nc", true},
		{"(?m)^b$", "", "a\nb\nc", true},
		{"a.c", "", "a\nc", false},
		{"a.c", "s", "a\nc", true},
		{"a b # comment", "x", "ab", true},
		{"a b", "x", "a b", false},
		{"é", "iu", "É", true},
		{"(?=.*d)^a", "", "abcd", true},
		{"(?!a)b", "", "b", true},
		{"(?<=a)b", "", "cb", false},
		{`(a)\1`, "", "xaax", true},
		{"a++b", "", "aaab", true},
		{"a{1001}", "", strings.Repeat("a", 1001), true},
		{`\d`, "", "٣", false},
		{`^\w+$`, "", "é", false},
		{`(*UCP)^\w+$`, "", "é", true},
		{`(*UTF8)é`, "", "é", true},
		{`\s`, "", "\v", true},
		{`^\S+$`, "", "\v", false},
		{`[\s]`, "", "\v", true},
		{`\h`, "", "\u00a0", true},
		{`\R`, "", "\r\n", true},
		{`\x{e9}`, "", "é", true},
		{`\Qa.c\E`, "", "abc", false},
		{`\Qa.c\E`, "", "a.c", true},
		{`\Q[\E(?=x)`, "", "[x", true},
		{`[]a]`, "", "]", true},
		{`[[:alpha:]]+1`, "", "ab1", true},
		{`(?=a)[[:alpha:]]+1`, "", "ab1", true},
		{`[$]`, "", "$\n", true},
		{"", "", "anything", true},
		{"^", "", "", true},
		{"^.*", "", "", true},
	} {
		re, err := regex.Compile(tc.pattern, tc.options)
		require.NoError(t, err, "/%s/%s", tc.pattern, tc.options)
		require.Equal(t, tc.want, re.Match(tc.s), "/%s/%s on %q", tc.pattern, tc.options, tc.s)
	}
}

func TestFind(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		from       int
		want       []int
	}{
		{"b", "abab", 0, []int{1, 2}},
		{"b", "abab", 2, []int{3, 4}},
		{"^a", "aa", 1, nil},
		{`\bb`, "ab b", 1, []int{3, 4}},
		{"(x)|(b)", "éb", 0, []int{2, 3, -1, -1, 2, 3}},
		{"(?=(b))b", "éébb", 5, []int{5, 6, 5, 6}},
		{"a*", "aab", 2, []int{2, 2}},
		{`(?<n>b)(c)(?=d)`, "abcd", 0, []int{1, 3, 1, 2, 2, 3}},
	} {
		re, err := regex.Compile(tc.pattern, "")
		require.NoError(t, err, tc.pattern)
		got, err := re.Find(tc.s, tc.from)
		require.NoError(t, err)
		require.Equal(t, tc.want, got, "/%s/ on %q from %d", tc.pattern, tc.s, tc.from)
	}
}

func TestPrefix(t *testing.T) {
	for _, tc := range []struct {
		pattern, options, prefix string
		exact                    bool
	}{
		{"^abc", "", "abc", true},
		{"^abc.*", "", "abc", true},
		{`^a\.c`, "", "a.c", true},
		{`\Aabc`, "", "abc", true},
		{"^abc$", "", "abc", false},
		{"^abc[de]", "", "abc", false},
		{"^abc*", "", "ab", false},
		{"^abc", "i", "", false},
		{"^abc", "m", "", false},
		{"^a|b", "", "", false},
		{"abc", "", "", false},
		{"^", "", "", false},
		{"^abc(?=d)", "", "", false},
	} {
		re, err := regex.Compile(tc.pattern, tc.options)
		require.NoError(t, err, tc.pattern)
		prefix, exact := re.Prefix()
		require.Equal(t, tc.prefix, prefix, "/%s/%s", tc.pattern, tc.options)
		require.Equal(t, tc.exact, exact, "/%s/%s", tc.pattern, tc.options)
	}
}

func TestCompileErrors(t *testing.T) {
	var opt *regex.OptionError
	_, err := regex.Compile("a", "ig")
	require.ErrorAs(t, err, &opt)
	require.Equal(t, 'g', opt.Option)

	for _, p := range []string{"(", "[a", "*", `a\`, "(?<n", "\xff", strings.Repeat("a", regex.MaxPattern+1)} {
		_, err := regex.Compile(p, "")
		require.Error(t, err, "%.20q", p)
		require.NotErrorAs(t, err, &opt)
	}
}

// A pattern that backtracks without end must give up.
func TestLimit(t *testing.T) {
	re, err := regex.Compile(`^(a+)+\1$`, "")
	require.NoError(t, err)
	s := strings.Repeat("a", 40) + "b"
	require.False(t, re.Match(s))
	_, err = re.Find(s, 0)
	require.ErrorIs(t, err, regex.ErrLimit)
}

func TestMatchDoesNotAllocate(t *testing.T) {
	for _, p := range []string{"abc", "^abc", "^abc$", "a[bx]c"} {
		re, err := regex.Compile(p, "")
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(100, func() { re.Match("abcdefgh") }), p)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := regex.Compile("abc", ""); err != nil {
			t.Fatal(err)
		}
	}))
}

func FuzzCompile(f *testing.F) {
	f.Add("a(b)?[c-e]$", "i", "abcd\n")
	f.Add(`(?=\x{41}\Q.\E)\R`, "mx", "A.\r\n")
	f.Fuzz(func(t *testing.T, pattern, options, s string) {
		re, err := regex.Compile(pattern, options)
		if err != nil {
			return
		}
		re.Match(s)
		_, _ = re.Find(s, len(s)/2)
	})
}
