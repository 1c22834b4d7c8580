package throttle

import (
	"hash/maphash"
	"sync"
)

// shards is the number of maps that a keys consists of. The smaller each is,
// the shorter the pause when one is made anew.
const shards = 64

// minPeak is the size below which a map is not worth making anew.
const minPeak = 64

// keys is a map by name that gives its memory back: a Go map never shrinks, so
// each shard is made anew when three quarters of what it once held are gone.
type keys[V comparable] struct {
	seed  maphash.Seed
	shard [shards]map[string]V
	peak  [shards]int
	n     int
	made  int // the number of times at which a shard was made anew
}

func newKeys[V comparable]() *keys[V] { return &keys[V]{seed: maphash.MakeSeed()} }

func (k *keys[V]) at(name string) int { return int(maphash.String(k.seed, name) % shards) }

func (k *keys[V]) get(name string) (V, bool) {
	v, ok := k.shard[k.at(name)][name]
	return v, ok
}

// put adds a name that is not there yet.
func (k *keys[V]) put(name string, v V) {
	i := k.at(name)
	if k.shard[i] == nil {
		k.shard[i] = map[string]V{}
	}
	k.shard[i][name] = v
	k.peak[i] = max(k.peak[i], len(k.shard[i]))
	k.n++
}

// drop removes a name that is there.
func (k *keys[V]) drop(name string) {
	i := k.at(name)
	delete(k.shard[i], name)
	k.n--
	if k.peak[i] < minPeak || len(k.shard[i]) > k.peak[i]/4 {
		return
	}
	rest := make(map[string]V, len(k.shard[i]))
	for name, v := range k.shard[i] {
		rest[name] = v
	}
	k.shard[i], k.peak[i] = rest, len(rest)
	k.made++
}

// each calls f for every value until it returns false.
func (k *keys[V]) each(f func(V) bool) {
	for i := range k.shard {
		for _, v := range k.shard[i] {
			if !f(v) {
				return
			}
		}
	}
}

// batch bounds how many entries are looked at for one taking of a lock.
const batch = 200

// eachInBatches calls f for every value with the lock held, and gives others the
// lock now and then. Meanwhile it calls between. It visits what is there all the
// while; what comes or goes meanwhile it may visit or not.
func (k *keys[V]) eachInBatches(mu sync.Locker, f func(V), between func()) {
	for i := range k.shard {
		mu.Lock()
		shard, made := k.shard[i], k.made
		mu.Unlock()
		mapInBatches(mu, shard, func(name string, v V) {
			if made != k.made && k.shard[i][name] != v {
				return // only the shard as it was still has it
			}
			f(v)
		}, between)
	}
}

// mapInBatches does what eachInBatches does for the entries of a map that the
// lock guards. A map may be changed while it is ranged over, as long as the two
// take turns.
func mapInBatches[V any](mu sync.Locker, m map[string]V, f func(string, V), between func()) {
	mu.Lock()
	defer mu.Unlock()
	n := 0
	for name, v := range m {
		f(name, v)
		if n++; n%batch == 0 {
			mu.Unlock()
			between()
			mu.Lock()
		}
	}
	mu.Unlock()
	between()
	mu.Lock()
}
