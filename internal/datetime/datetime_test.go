package datetime_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/datetime"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func ms(t testing.TB, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	require.NoError(t, err)
	return at.UnixMilli()
}

func iso(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.999Z07:00") }

func zone(t testing.TB, name string) datetime.Zone {
	t.Helper()
	z, err := datetime.LoadZone(name)
	require.NoError(t, err)
	return z
}

func TestCivilAgreesWithTime(t *testing.T) {
	for _, name := range []string{"UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu"} {
		z, loc := zone(t, name), time.UTC
		if name != "UTC" {
			var err error
			loc, err = time.LoadLocation(name)
			require.NoError(t, err)
		}
		for at := ms(t, "1890-01-01T00:00:00Z"); at < ms(t, "2110-01-01T00:00:00Z"); at += 86400123 * 13 {
			c := z.Civil(at)
			want := time.UnixMilli(at).In(loc)
			isoYear, isoWeek := want.ISOWeek()
			gotYear, gotWeek := c.ISOWeek()
			require.Equal(t, want.Format("2006-1-2 15:4:5"), time.Date(int(c.Year), time.Month(c.Month), c.Day, c.Hour, c.Minute, c.Second, 0, time.UTC).Format("2006-1-2 15:4:5"))
			require.Equal(t, want.YearDay(), c.YearDay(), want)
			require.Equal(t, int(want.Weekday()+6)%7+1, int(c.Weekday()), want)
			require.Equal(t, []int{isoYear, isoWeek}, []int{int(gotYear), gotWeek}, want)
			require.Equal(t, at, z.FromISOParts(gotYear, int64(gotWeek), int64(c.Weekday()), int64(c.Hour), int64(c.Minute), int64(c.Second), int64(c.Millisecond)), want)
		}
	}
}

func TestLocalTimesAtTransitions(t *testing.T) {
	for _, tc := range []struct {
		zone, local, want string
	}{
		{"America/New_York", "2020-03-08T02:30:00Z", "2020-03-08T07:30:00Z"}, // skipped
		{"America/New_York", "2020-11-01T01:30:00Z", "2020-11-01T05:30:00Z"}, // twice
		{"America/New_York", "2020-07-01T12:00:00Z", "2020-07-01T16:00:00Z"},
		{"Europe/Berlin", "2020-03-29T02:30:00Z", "2020-03-29T01:30:00Z"},
		{"+05:30", "2020-01-01T00:00:00Z", "2019-12-31T18:30:00Z"},
		{"-0130", "2020-01-01T00:00:00Z", "2020-01-01T01:30:00Z"},
	} {
		c := datetime.UTC.Civil(ms(t, tc.local))
		got := zone(t, tc.zone).FromParts(c.Year, int64(c.Month), int64(c.Day), int64(c.Hour), int64(c.Minute), int64(c.Second), 0)
		require.Equal(t, tc.want, iso(got), "%s %s", tc.zone, tc.local)
	}
}

func TestUnknownZones(t *testing.T) {
	for _, name := range []string{"", "Local", "Mars/Olympus", "../x", "+5", "+12345", "posix/UTC", "europe/berlin"} {
		_, err := datetime.LoadZone(name)
		require.True(t, mongoerr.Is(err, 40485), name)
	}
}

func TestAdd(t *testing.T) {
	for _, tc := range []struct {
		date   string
		unit   datetime.Unit
		amount int64
		zone   string
		want   string
	}{
		{"2020-10-31T10:00:00Z", datetime.Month, 1, "UTC", "2020-11-30T10:00:00Z"},
		{"2020-02-29T10:00:00Z", datetime.Year, 1, "UTC", "2021-02-28T10:00:00Z"},
		{"2020-01-31T10:00:00Z", datetime.Quarter, -1, "UTC", "2019-10-31T10:00:00Z"},
		{"2020-12-31T23:59:59.999Z", datetime.Day, 1, "UTC", "2021-01-01T23:59:59.999Z"},
		{"2020-12-31T23:59:59Z", datetime.Week, 2, "UTC", "2021-01-14T23:59:59Z"},
		{"2020-11-01T05:50:02Z", datetime.Hour, 1, "America/New_York", "2020-11-01T06:50:02Z"},
		{"2020-10-31T16:00:00Z", datetime.Day, 1, "America/New_York", "2020-11-01T17:00:00Z"},
		{"2020-01-01T00:00:00Z", datetime.Millisecond, 5, "UTC", "2020-01-01T00:00:00.005Z"},
		{"2020-01-01T00:00:00Z", datetime.Minute, -1, "UTC", "2019-12-31T23:59:00Z"},
	} {
		got, err := datetime.Add(ms(t, tc.date), tc.unit, tc.amount, zone(t, tc.zone))
		require.NoError(t, err)
		require.Equal(t, tc.want, iso(got), "%+v", tc)
	}
	_, err := datetime.Add(0, datetime.Year, math.MaxInt64, datetime.UTC)
	require.True(t, mongoerr.Is(err, 5976500), "%v", err)
	_, err = datetime.Add(math.MaxInt64, datetime.Second, 1, datetime.UTC)
	require.True(t, mongoerr.Is(err, 5166406), "%v", err)
	_, err = datetime.Add(math.MaxInt64, datetime.Day, 1000, datetime.UTC)
	require.True(t, mongoerr.Is(err, 5166406), "%v", err)
}

func TestDiff(t *testing.T) {
	for _, tc := range []struct {
		start, end string
		unit       datetime.Unit
		zone       string
		want       int64
	}{
		{"2020-12-31T23:59:59Z", "2021-01-01T00:00:00Z", datetime.Year, "UTC", 1},
		{"2020-12-31T23:59:59Z", "2021-01-01T00:00:00Z", datetime.Quarter, "UTC", 1},
		{"2020-01-31T00:00:00Z", "2021-03-01T00:00:00Z", datetime.Month, "UTC", 14},
		{"2020-11-01T00:00:00Z", "2020-10-30T00:00:00Z", datetime.Day, "UTC", -2},
		{"2021-01-02T00:00:00Z", "2021-01-03T00:00:00Z", datetime.Week, "UTC", 1}, // Saturday, Sunday
		{"2020-01-01T00:59:59Z", "2020-01-01T01:00:00Z", datetime.Hour, "UTC", 1},
		{"2020-11-01T05:50:00Z", "2020-11-01T06:50:00Z", datetime.Hour, "America/New_York", 1},
		{"2020-01-01T00:00:59Z", "2020-01-01T00:01:00Z", datetime.Minute, "UTC", 1},
		{"2020-01-01T00:00:00Z", "2020-01-01T00:01:00Z", datetime.Second, "UTC", 60},
		{"2020-01-01T00:00:00Z", "2020-01-01T00:00:01Z", datetime.Millisecond, "UTC", 1000},
		{"2020-01-01T02:00:00Z", "2020-01-01T07:00:00Z", datetime.Day, "America/New_York", 1},
	} {
		got, err := datetime.Diff(ms(t, tc.start), ms(t, tc.end), tc.unit, zone(t, tc.zone), datetime.Sunday)
		require.NoError(t, err)
		require.Equal(t, tc.want, got, "%+v", tc)
	}
	_, err := datetime.Diff(math.MinInt64, math.MaxInt64, datetime.Millisecond, datetime.UTC, datetime.Sunday)
	require.True(t, mongoerr.Is(err, 5166308), "%v", err)
}

func TestTruncate(t *testing.T) {
	for _, tc := range []struct {
		date  string
		unit  datetime.Unit
		bin   int64
		zone  string
		start datetime.Weekday
		want  string
	}{
		{"2021-03-20T11:30:05.123Z", datetime.Second, 1, "UTC", datetime.Sunday, "2021-03-20T11:30:05Z"},
		{"2021-03-20T11:30:05Z", datetime.Hour, 1, "UTC", datetime.Sunday, "2021-03-20T11:00:00Z"},
		{"2021-03-20T11:31:05Z", datetime.Minute, 15, "UTC", datetime.Sunday, "2021-03-20T11:30:00Z"},
		{"2021-03-20T11:30:05Z", datetime.Week, 1, "UTC", datetime.Monday, "2021-03-15T00:00:00Z"},
		{"2021-03-20T11:30:05Z", datetime.Week, 1, "UTC", datetime.Sunday, "2021-03-14T00:00:00Z"},
		{"2021-03-20T11:30:05Z", datetime.Week, 2, "UTC", datetime.Monday, "2021-03-15T00:00:00Z"},
		{"2021-03-20T11:30:05Z", datetime.Month, 6, "UTC", datetime.Sunday, "2021-01-01T00:00:00Z"},
		{"1999-12-31T11:30:05Z", datetime.Quarter, 1, "UTC", datetime.Sunday, "1999-10-01T00:00:00Z"},
		{"1999-12-31T11:30:05Z", datetime.Year, 7, "UTC", datetime.Sunday, "1993-01-01T00:00:00Z"},
		{"2021-03-20T02:30:05Z", datetime.Day, 1, "America/New_York", datetime.Sunday, "2021-03-19T04:00:00Z"},
	} {
		got, err := datetime.Truncate(ms(t, tc.date), tc.unit, tc.bin, zone(t, tc.zone), tc.start)
		require.NoError(t, err)
		require.Equal(t, tc.want, iso(got), "%+v", tc)
	}
	_, err := datetime.Truncate(0, datetime.Day, math.MaxInt64, datetime.UTC, datetime.Sunday)
	require.True(t, mongoerr.Is(err, 5439006), "%v", err)
	_, err = datetime.Truncate(0, datetime.Hour, math.MaxInt64, datetime.UTC, datetime.Sunday)
	require.True(t, mongoerr.Is(err, 5439002), "%v", err)
}

func TestAppend(t *testing.T) {
	at := ms(t, "2021-01-03T04:05:06.007Z")
	for _, tc := range []struct{ format, zone, want string }{
		{datetime.ISOFormatUTC, "UTC", "2021-01-03T04:05:06.007Z"},
		{"%b %B %d %j %m", "UTC", "Jan January 03 003 01"},
		{"%G-%V-%u", "UTC", "2020-53-7"},
		{"%w %U", "UTC", "1 01"},
		{"%H:%M:%S.%L %z %Z %%", "+05:30", "09:35:06.007 +0530 330 %"},
		{"%Y-%m-%d %H %z", "America/New_York", "2021-01-02 23 -0500"},
	} {
		require.NoError(t, datetime.ValidateFormat(tc.format))
		got, err := datetime.Append(nil, tc.format, at, zone(t, tc.zone))
		require.NoError(t, err)
		require.Equal(t, tc.want, string(got))
	}
	require.True(t, mongoerr.Is(datetime.ValidateFormat("%"), 18535))
	require.True(t, mongoerr.Is(datetime.ValidateFormat("%n"), 18536))
	_, err := datetime.Append(nil, "%Y", math.MaxInt64, datetime.UTC)
	require.True(t, mongoerr.Is(err, 18537), "%v", err)
}

func TestParse(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"2017-07-04T11:56:02Z", "2017-07-04T11:56:02Z"},
		{"2017-07-04T11:56:02.813Z", "2017-07-04T11:56:02.813Z"},
		{"2017-07-04T11:56:02.8Z", "2017-07-04T11:56:02.8Z"},
		{"2017-07-04T11:56:02.8135Z", "2017-07-04T11:56:02.813Z"},
		{"2017-07-04T11:56:02", "2017-07-04T11:56:02Z"},
		{"2017-07-04 11:56", "2017-07-04T11:56:00Z"},
		{"2017-07-04", "2017-07-04T00:00:00Z"},
		{"2017-07-04T11:56:02+0530", "2017-07-04T06:26:02Z"},
		{"2017-07-04T11:56:02-08:00", "2017-07-04T19:56:02Z"},
		{"2017-07-04T11:56:02 GMT", "2017-07-04T11:56:02Z"},
		{"2017-07-04T11:56:02 EST", "2017-07-04T16:56:02Z"},
		{"2017/7/4 1:02:03", "2017-07-04T01:02:03Z"},
		{"7/4/2017", "2017-07-04T00:00:00Z"},
		{"7/4/17", "2017-07-04T00:00:00Z"},
		{"04-Jul-2017", "2017-07-04T00:00:00Z"},
		{"4.7.2017", "2017-07-04T00:00:00Z"},
		{"July 4th, 2017", "2017-07-04T00:00:00Z"},
		{"July 4, 2017 11:56am", "2017-07-04T11:56:00Z"},
		{"July 4th, 2017 12pm", "2017-07-04T12:00:00Z"},
		{"4 July 2017 11:56:02 PM", "2017-07-04T23:56:02Z"},
		{"Tue, 04 Jul 2017 11:56:02 GMT", "2017-07-04T11:56:02Z"},
		{"Tue, 04 Jul 2017 11:56:02 +0200", "2017-07-04T09:56:02Z"},
		{"20170704", "2017-07-04T00:00:00Z"},
		{"20170704T115602", "2017-07-04T11:56:02Z"},
		{"20170704115602", "2017-07-04T11:56:02Z"},
		{"2017-W27-2", "2017-07-04T00:00:00Z"},
		{"2017W272", "2017-07-04T00:00:00Z"},
		{"2017-185", "2017-07-04T00:00:00Z"},
		{"2017-07", "2017-07-01T00:00:00Z"},
		{"@1499169362", "2017-07-04T11:56:02Z"},
		{"2017-07-04T24:00:00Z", "2017-07-05T00:00:00Z"},
		{"2017-07-04T11:56.02", "2017-07-04T11:56:02Z"},
		{"2017-07-04T11:56.02.81", "2017-07-04T11:56:02.81Z"},
		{"2017-Jul-04 noon", "2017-07-04T12:00:00Z"},
		{"04-07-2017", "2017-07-04T00:00:00Z"},
		{"2017-07-04 12:48:07 GMT+0545", "2017-07-04T07:03:07Z"},
		{"2017-07-14T12:02:44.771 GMT+02", "2017-07-14T10:02:44.771Z"},
		{"2017-07-14T12:02:44.771 A", "2017-07-14T11:02:44.771Z"},
		{"2017-07-14T12:02:44.771 L", "2017-07-14T01:02:44.771Z"},
		{"2017-07-14T12:02:44.771 P", "2017-07-14T15:02:44.771Z"},
	} {
		got, err := datetime.Parse(tc.text, datetime.UTC)
		require.NoError(t, err, tc.text)
		require.Equal(t, tc.want, iso(got), tc.text)
	}
	got, err := datetime.Parse("2017-07-04T11:56:02", zone(t, "America/New_York"))
	require.NoError(t, err)
	require.Equal(t, "2017-07-04T15:56:02Z", iso(got))
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{
		"", " ", "x", "2017", "tomorrow", "2017-02-30", "2017-13-01", "2017-07-04T25:00:00Z", "2017-07-04T11:61:00Z",
		"11:56", "July 4", "2017-07-04T11:56:02 Europe/Berlin", "2017-07-04T11:56:02.5.6", "60.Monday1770/06:59",
	} {
		_, err := datetime.Parse(text, datetime.UTC)
		require.True(t, mongoerr.Is(err, mongoerr.ConversionFailure), "%q: %v", text, err)
	}
	for _, text := range []string{"2017-07-04T11:56:02Z", "2017-07-04T11:56:02+0200"} {
		_, err := datetime.Parse(text, zone(t, "Europe/Berlin"))
		require.True(t, mongoerr.Is(err, mongoerr.ConversionFailure), "%q: %v", text, err)
	}
}

func TestParseFormat(t *testing.T) {
	for _, tc := range []struct{ text, format, want string }{
		{"2017-07-04T11:56:02.813", "%Y-%m-%dT%H:%M:%S.%L", "2017-07-04T11:56:02.813Z"},
		{"04/07/2017", "%d/%m/%Y", "2017-07-04T00:00:00Z"},
		{"4 Jul 2017 11h", "%d %b %Y %Hh", "2017-07-04T11:00:00Z"},
		{"July 04 2017", "%B %d %Y", "2017-07-04T00:00:00Z"},
		{"2017-27-2", "%G-%V-%u", "2017-07-04T00:00:00Z"},
		{"2017-185", "%Y-%j", "2017-07-04T00:00:00Z"},
		{"2017-07-04 11:56 +0530", "%Y-%m-%d %H:%M %z", "2017-07-04T06:26:00Z"},
		{"2017-07-04 11:56 +330", "%Y-%m-%d %H:%M %Z", "2017-07-04T06:26:00Z"},
		{"100%2017-07-04", "100%%%Y-%m-%d", "2017-07-04T00:00:00Z"},
		{"2017-07-04T11:56:02.8Z", "%Y-%m-%dT%H:%M:%S.%LZ", "2017-07-04T11:56:02.8Z"},
		{"2017-07-14T12:02:44.771 GMT+02:00", "%Y-%m-%dT%H:%M:%S.%L%z", "2017-07-14T10:02:44.771Z"},
		{"4/26/1992:+285", "%m/%d/%Y:%Z", "1992-04-25T19:15:00Z"},
		{"2017", "%G", "2017-01-02T00:00:00Z"},
		{"2017, Week 53", "%G, Week %V", "2018-01-01T00:00:00Z"},
		{"2017, Day 5", "%G, Day %u", "2017-01-06T00:00:00Z"},
		{"1.1.1", "%V.%u.%G", "0001-01-01T00:00:00Z"},
	} {
		require.NoError(t, datetime.ValidateParseFormat(tc.format))
		got, err := datetime.ParseFormat(tc.text, tc.format, datetime.UTC)
		require.NoError(t, err, tc.text)
		require.Equal(t, tc.want, iso(got), tc.text)
	}
	for _, tc := range []struct{ text, format string }{
		{"2017-07", "%Y-%m"},
		{"2017-07-04x", "%Y-%m-%d"},
		{"2017-07-04", "%Y/%m/%d"},
		{"17-07-04", "%Y-%m-%d"},
		{"2017-02-31", "%Y-%m-%d"},
		{"Foo", "%b"},
		{"2018-01", "%Y"},
		{"1992-26-04", "Y-d-m"},
		{"ISO Day 6", "ISO Day %u"},
		{"ISO Week 52", "ISO Week %V"},
		{"ISO Week 1, 2018", "ISO Week %V, %Y"},
		{"12/31/2018", "%m/%d/%G"},
		{"12/31\x00/2018", "%m/%d/%Y"},
		{"12/31/2018", "%m/%d\x00/%Y"},
	} {
		_, err := datetime.ParseFormat(tc.text, tc.format, datetime.UTC)
		require.True(t, mongoerr.Is(err, mongoerr.ConversionFailure), "%v: %v", tc, err)
	}
	require.True(t, mongoerr.Is(datetime.ValidateParseFormat("%U"), 18536))
}

func FuzzParse(f *testing.F) {
	f.Add("Tue, 04 Jul 2017 11:56:02 +0200", "%Y-%m-%dT%H:%M:%S.%L%z")
	f.Add("2017-W27-2T11:56", "%G %V %u")
	f.Fuzz(func(t *testing.T, text, format string) {
		_, _ = datetime.Parse(text, datetime.UTC)
		if datetime.ValidateParseFormat(format) == nil {
			_, _ = datetime.ParseFormat(text, format, datetime.UTC)
		}
	})
}
