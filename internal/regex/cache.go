package regex

import "sync"

// cacheMax is the number of compiled expressions that are kept.
const cacheMax = 1024

type cacheKey struct{ pattern, options string }

type cache struct {
	mu sync.RWMutex
	m  map[cacheKey]*Regexp // guarded by mu
}

var compiled = cache{m: make(map[cacheKey]*Regexp)}

func (c *cache) get(k cacheKey) *Regexp {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.m[k]
}

// put adds an expression. A full cache first drops an arbitrary half.
func (c *cache) put(k cacheKey, re *Regexp) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) >= cacheMax {
		n := 0
		for old := range c.m {
			delete(c.m, old)
			if n++; n >= cacheMax/2 {
				break
			}
		}
	}
	c.m[k] = re
}
