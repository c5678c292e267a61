package bsonx_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
)

func TestTruthyDecimal(t *testing.T) {
	for s, want := range map[string]bool{
		"0": false, "-0": false, "0.00": false, "0E+10": false,
		"1": true, "0.1": true, "-1E-6176": true, "NaN": true, "Infinity": true,
	} {
		d, err := bson.ParseDecimal128(s)
		require.NoError(t, err)
		require.Equal(t, want, bsonx.Decimal128(d).Truthy(), s)
	}
}
