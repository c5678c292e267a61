package path_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/query/path"
)

func TestSplit(t *testing.T) {
	require.Equal(t, []path.Part{{"a", -1}, {"0", 0}, {"12", 12}, {"01", -1}, {"", -1}, {"-1", -1}}, path.Split("a.0.12.01..-1"))
	require.Equal(t, []path.Part{{"", -1}}, path.Split(""))
	require.Equal(t, []path.Part{{"9999999999", -1}}, path.Split("9999999999"))
}
