package expr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

func TestArithmeticOperators(t *testing.T) {
	runTable(t, []row{
		{`{"$add": []}`, ``, `0`},
		{`{"$add": [1, 2]}`, ``, `3`},
		{`{"$add": "$a"}`, `{"a": 5}`, `5`},
		{`{"$add": ["$a", 1]}`, `{"a": 1.5}`, `2.5`},
		{`{"$add": ["$a", 1]}`, `{"a": {"$numberLong": "1"}}`, `{"$numberLong": "2"}`},
		{`{"$add": ["$a", 1]}`, `{"a": 2147483647}`, `{"$numberLong": "2147483648"}`},
		{`{"$add": ["$a", 1, -1]}`, `{"a": 2147483647}`, `2147483647`},
		{`{"$add": ["$a", 1]}`, `{"a": {"$numberLong": "9223372036854775807"}}`, `9223372036854775808.0`},
		{`{"$add": ["$a", {"$numberDecimal": "0.1"}]}`, `{"a": {"$numberDecimal": "0.20"}}`, `{"$numberDecimal": "0.30"}`},
		{`{"$add": ["$a", {"$numberDecimal": "1"}]}`, `{"a": 0.1}`, `{"$numberDecimal": "1.100000000000000"}`},
		{`{"$add": ["$a", null]}`, `{"a": 1}`, `null`},
		{`{"$add": ["$missing", 1]}`, `{"a": 1}`, `null`},
		{`{"$add": [null, "x"]}`, ``, `null`},
		{`{"$add": ["$a", null]}`, `{"a": "x"}`, `! 14 $add only supports numeric or date types, not string`},
		{`{"$add": [1, "x"]}`, ``, `! 14 Failed to optimize pipeline :: caused by :: $add only supports`},
		{`{"$add": ["$d", 1000]}`, `{"d": {"$date": {"$numberLong": "5"}}}`, `{"$date": {"$numberLong": "1005"}}`},
		{`{"$add": [1.5, "$d"]}`, `{"d": {"$date": {"$numberLong": "5"}}}`, `{"$date": {"$numberLong": "7"}}`},
		{`{"$add": ["$d", {"$numberDecimal": "2.5"}]}`, `{"d": {"$date": {"$numberLong": "5"}}}`, `{"$date": {"$numberLong": "7"}}`},
		{`{"$add": ["$d", "$d"]}`, `{"d": {"$date": {"$numberLong": "5"}}}`, `! 16612`},
		{`{"$add": ["$d", 1e300]}`, `{"d": {"$date": {"$numberLong": "5"}}}`, `! 15 date overflow`},
		{`{"$subtract": [5, 3]}`, ``, `2`},
		{`{"$subtract": [5, 3.5]}`, ``, `1.5`},
		{`{"$subtract": ["$a", 1]}`, `{"a": -2147483648}`, `{"$numberLong": "-2147483649"}`},
		{`{"$subtract": ["$a", {"$numberLong": "1"}]}`, `{"a": {"$numberLong": "-9223372036854775808"}}`, `-9223372036854775808.0`},
		{`{"$subtract": ["$d", "$e"]}`, `{"d": {"$date": {"$numberLong": "5000"}}, "e": {"$date": {"$numberLong": "1000"}}}`, `{"$numberLong": "4000"}`},
		{`{"$subtract": ["$d", 1000]}`, `{"d": {"$date": {"$numberLong": "5000"}}}`, `{"$date": {"$numberLong": "4000"}}`},
		{`{"$subtract": ["$d", 0.5]}`, `{"d": {"$date": {"$numberLong": "5000"}}}`, `{"$date": {"$numberLong": "4999"}}`},
		{`{"$subtract": ["$d", "x"]}`, `{"d": {"$date": {"$numberLong": "5000"}}}`, `! 14 can't $subtract string from Date`},
		{`{"$subtract": [1, "$d"]}`, `{"d": {"$date": {"$numberLong": "5000"}}}`, `! 14 can't $subtract date from int`},
		{`{"$subtract": ["x", null]}`, ``, `null`},
		{`{"$subtract": [1]}`, ``, `! 16020 Expression $subtract takes exactly 2 arguments. 1 were passed in.`},
		{`{"$multiply": []}`, ``, `1`},
		{`{"$multiply": [2, 3, 4]}`, ``, `24`},
		{`{"$multiply": ["$a", 2]}`, `{"a": 2147483647}`, `{"$numberLong": "4294967294"}`},
		{`{"$multiply": ["$a", 2]}`, `{"a": {"$numberLong": "9223372036854775807"}}`, `1.8446744073709552e19`},
		{`{"$multiply": ["$a", 0.5]}`, `{"a": 3}`, `1.5`},
		{`{"$multiply": ["$a", {"$numberDecimal": "0.5"}]}`, `{"a": 3}`, `{"$numberDecimal": "1.5"}`},
		{`{"$multiply": ["$a", 2]}`, `{"a": null}`, `null`},
		{`{"$multiply": ["$a", 2]}`, `{"a": "x"}`, `! 14 $multiply only supports numeric types, not string`},
		{`{"$divide": [6, 3]}`, ``, `2.0`},
		{`{"$divide": ["$a", 4]}`, `{"a": {"$numberDecimal": "10"}}`, `{"$numberDecimal": "2.5"}`},
		{`{"$divide": [1, "$a"]}`, `{"a": 0}`, `! 2 can't $divide by zero`},
		{`{"$divide": [1, "$a"]}`, `{"a": null}`, `null`},
		{`{"$divide": ["x", "$a"]}`, `{"a": 1}`, `! 14 $divide only supports numeric types, not string and int`},
		{`{"$mod": [7, 3]}`, ``, `1`},
		{`{"$mod": [-7, 3]}`, ``, `-1`},
		{`{"$mod": ["$a", 3]}`, `{"a": {"$numberLong": "7"}}`, `{"$numberLong": "1"}`},
		{`{"$mod": [7.5, 3]}`, ``, `1.5`},
		{`{"$mod": [7, 3.0]}`, ``, `1.0`},
		{`{"$mod": [7, "$a"]}`, `{"a": 0}`, `! 16610`},
		{`{"$mod": [7, "x"]}`, ``, `! 16611`},
		{`{"$mod": [7, null]}`, ``, `null`},
		{`{"$abs": -5}`, ``, `5`},
		{`{"$abs": [-5.5]}`, ``, `5.5`},
		{`{"$abs": "$a"}`, `{"a": -2147483648}`, `{"$numberLong": "2147483648"}`},
		{`{"$abs": "$a"}`, `{"a": {"$numberLong": "-3"}}`, `{"$numberLong": "3"}`},
		{`{"$abs": "$a"}`, `{"a": {"$numberDecimal": "-3.10"}}`, `{"$numberDecimal": "3.10"}`},
		{`{"$abs": "$a"}`, `{"a": {"$numberLong": "-9223372036854775808"}}`, `! 28680`},
		{`{"$abs": "$a"}`, `{}`, `null`},
		{`{"$abs": "x"}`, ``, `! 28765 $abs only supports numeric types, not string`},
		{`{"$abs": [1, 2]}`, ``, `! 16020`},
		{`{"$ceil": 1.2}`, ``, `2.0`},
		{`{"$ceil": 3}`, ``, `3`},
		{`{"$ceil": {"$numberDecimal": "-1.5"}}`, ``, `{"$numberDecimal": "-1"}`},
		{`{"$floor": -1.2}`, ``, `-2.0`},
		{`{"$floor": {"$numberDecimal": "1.99"}}`, ``, `{"$numberDecimal": "1"}`},
		{`{"$floor": {"$numberDecimal": "1E+40"}}`, ``, `{"$numberDecimal": "1E+40"}`},
		{`{"$floor": {"$numberDecimal": "NaN"}}`, ``, `{"$numberDecimal": "NaN"}`},
		{`{"$exp": 0}`, ``, `1.0`},
		{`{"$exp": {"$numberDecimal": "1"}}`, ``, `{"$numberDecimal": "2.718281828459045235360287471352662"}`},
		{`{"$exp": {"$numberDecimal": "-Infinity"}}`, ``, `{"$numberDecimal": "0"}`},
		{`{"$ln": 1}`, ``, `0.0`},
		{`{"$ln": {"$numberDecimal": "10"}}`, ``, `{"$numberDecimal": "2.302585092994045684017991454684364"}`},
		{`{"$ln": 0}`, ``, `! 28766 $ln's argument must be a positive number, but is 0`},
		{`{"$ln": {"$numberDouble": "NaN"}}`, ``, `{"$numberDouble": "NaN"}`},
		{`{"$log": [8, 2]}`, ``, `3.0`},
		{`{"$log": [{"$numberDecimal": "8"}, 2]}`, ``, `{"$numberDecimal": "3"}`},
		{`{"$log": [{"$numberDecimal": "100"}, 10]}`, ``, `{"$numberDecimal": "2"}`},
		{`{"$log": ["x", 2]}`, ``, `! 28756`},
		{`{"$log": [8, "x"]}`, ``, `! 28757`},
		{`{"$log": [-8, 2]}`, ``, `! 28758`},
		{`{"$log": [8, 1]}`, ``, `! 28759`},
		{`{"$log": [8, null]}`, ``, `null`},
		{`{"$log10": 100}`, ``, `2.0`},
		{`{"$log10": {"$numberDecimal": "0.001"}}`, ``, `{"$numberDecimal": "-3"}`},
		{`{"$log10": -1}`, ``, `! 28761`},
		{`{"$pow": [2, 10]}`, ``, `1024`},
		{`{"$pow": [2, 31]}`, ``, `{"$numberLong": "2147483648"}`},
		{`{"$pow": [2, 62]}`, ``, `{"$numberLong": "4611686018427387904"}`},
		{`{"$pow": [2, 63]}`, ``, `9223372036854775808.0`},
		{`{"$pow": [-2, 63]}`, ``, `{"$numberLong": "-9223372036854775808"}`},
		{`{"$pow": [2, -1]}`, ``, `0.5`},
		{`{"$pow": [-1, -3]}`, ``, `-1`},
		{`{"$pow": [0, 0]}`, ``, `1`},
		{`{"$pow": [2, 0.5]}`, ``, `1.4142135623730951`},
		{`{"$pow": [{"$numberLong": "3"}, 2]}`, ``, `{"$numberLong": "9"}`},
		{`{"$pow": [{"$numberDecimal": "2"}, 3]}`, ``, `{"$numberDecimal": "8"}`},
		{`{"$pow": [{"$numberDecimal": "2"}, {"$numberDecimal": "0.5"}]}`, ``, `{"$numberDecimal": "1.414213562373095048801688724209698"}`},
		{`{"$pow": [0, -1]}`, ``, `! 28764`},
		{`{"$pow": ["x", 1]}`, ``, `! 28762`},
		{`{"$pow": [1, "x"]}`, ``, `! 28763`},
		{`{"$round": 2.5}`, ``, `2.0`},
		{`{"$round": 3.5}`, ``, `4.0`},
		{`{"$round": [1.2345, 2]}`, ``, `1.23`},
		{`{"$round": [2.675, 2]}`, ``, `2.67`},
		{`{"$round": [1234.5, -2]}`, ``, `1200.0`},
		{`{"$round": [1250, -2]}`, ``, `1200`},
		{`{"$round": [1350, -2]}`, ``, `1400`},
		{`{"$round": [2147483647, -1]}`, ``, `{"$numberLong": "2147483650"}`},
		{`{"$round": [{"$numberLong": "15"}, -1]}`, ``, `{"$numberLong": "20"}`},
		{`{"$round": [{"$numberLong": "9223372036854775807"}, -1]}`, ``, `! 51080`},
		{`{"$round": [{"$numberDecimal": "1.25"}, 1]}`, ``, `{"$numberDecimal": "1.2"}`},
		{`{"$round": [5, 1]}`, ``, `5`},
		{`{"$round": [5.5, null]}`, ``, `null`},
		{`{"$round": [null, 1]}`, ``, `null`},
		{`{"$round": ["x", 1]}`, ``, `! 51081`},
		{`{"$round": [1.5, 1.5]}`, ``, `! 51082`},
		{`{"$round": [1.5, 101]}`, ``, `! 51083`},
		{`{"$round": [1, 2, 3]}`, ``, `! 28667 at least 1 arguments, and at most 2, but 3 were passed in.`},
		{`{"$trunc": -2.7}`, ``, `-2.0`},
		{`{"$trunc": [7.8569, 2]}`, ``, `7.85`},
		{`{"$trunc": [19, -1]}`, ``, `10`},
		{`{"$trunc": [1e300, 3]}`, ``, `1e300`},
		{`{"$trunc": [{"$numberDouble": "Infinity"}, 3]}`, ``, `{"$numberDouble": "Infinity"}`},
		{`{"$sqrt": 25}`, ``, `5.0`},
		{`{"$sqrt": {"$numberDecimal": "2"}}`, ``, `{"$numberDecimal": "1.414213562373095048801688724209698"}`},
		{`{"$sqrt": {"$numberDecimal": "4.00"}}`, ``, `{"$numberDecimal": "2.0"}`},
		{`{"$sqrt": -1}`, ``, `! 28714`},
		{`{"$sqrt": null}`, ``, `null`},
	})
}

func TestExpressionsOnNumbersDoNotAllocate(t *testing.T) {
	scope := expr.NewScope(nil)
	for _, json := range []string{
		`{"$add": ["$a", 1, "$b"]}`, `{"$multiply": ["$a", 3]}`, `{"$subtract": ["$a", "$b"]}`, `{"$gt": ["$a", 5]}`,
		`{"$divide": ["$a", "$b"]}`,
	} {
		e, err := expr.Parse(value(t, json), scope)
		require.NoError(t, err)
		c := scope.NewContext()
		doc := document(t, `{"a": 7, "b": 2.5}`)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			c.Reset(doc)
			if v, err := e.Eval(c); err != nil || v.IsMissing() {
				t.Fatal(bsonx.Format(v), err)
			}
		}), json)
	}
}
