package agg

import "math/big"

// scaleInteger returns m x 10^exp if that is an int64.
func scaleInteger(m *big.Int, exp int) (int64, bool) {
	ten := big.NewInt(10)
	for ; exp > 0; exp-- {
		m.Mul(m, ten)
	}
	var rem big.Int
	for ; exp < 0; exp++ {
		if m.QuoRem(m, ten, &rem); rem.Sign() != 0 {
			return 0, false
		}
	}
	return m.Int64(), m.IsInt64()
}
