package expr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/query/expr"
)

func TestMergedStatesEqualOnePass(t *testing.T) {
	values := []bsonx.Value{
		bsonx.Int32(1), bsonx.Int64(1 << 40), bsonx.Double(0.1), bsonx.String("x"), bsonx.Double(0.2), dec(t, "0.1"), bsonx.Int32(-7),
	}
	for cut := range len(values) + 1 {
		var sum, sumA, sumB expr.Sum
		var avg, avgA, avgB expr.Avg
		var dev, devA, devB expr.StdDev
		for i, v := range values {
			sum.Add(v)
			avg.Add(v)
			dev.Add(v)
			if i < cut {
				sumA.Add(v)
				avgA.Add(v)
				devA.Add(v)
			} else {
				sumB.Add(v)
				avgB.Add(v)
				devB.Add(v)
			}
		}
		state := bsonx.AppendDocStart(nil)
		state = sumB.AppendState(state, "sum")
		state = avgB.AppendState(state, "avg")
		state = devB.AppendState(state, "dev")
		d := bsonx.Doc(bsonx.AppendDocEnd(state, 0))
		sumA.Merge(d.Lookup("sum"))
		avgA.Merge(d.Lookup("avg"))
		devA.Merge(d.Lookup("dev"))
		require.Equal(t, bsonx.Format(sum.Value()), bsonx.Format(sumA.Value()), "cut at %d", cut)
		require.Equal(t, bsonx.Format(avg.Value()), bsonx.Format(avgA.Value()), "cut at %d", cut)
		require.InEpsilon(t, dev.Pop().Double(), devA.Pop().Double(), 1e-12, "cut at %d", cut)
	}
}
