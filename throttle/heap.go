package throttle

import "time"

// timed is an element of a timeHeap. due returns its time, and position its
// index in the heap.
type timed interface {
	due() time.Time
	position() *int32
}

// timeHeap is a binary heap of elements, the earliest first, each of which can
// leave it or move in it at any time.
type timeHeap[E timed] []E

func (h *timeHeap[E]) push(e E) {
	*h = append(*h, e)
	*e.position() = int32(len(*h) - 1)
	h.up(len(*h) - 1)
}

// remove takes e out.
func (h *timeHeap[E]) remove(e E) {
	i, last := int(*e.position()), len(*h)-1
	h.swap(i, last)
	var none E
	(*h)[last] = none
	*h = (*h)[:last]
	if cap(*h) > 1024 && last < cap(*h)/4 { // a slice does not shrink by itself
		*h = append(make([]E, 0, cap(*h)/2), *h...)
	}
	if i < last {
		h.up(i)
		h.down(i)
	}
}

// first returns the earliest element.
func (h timeHeap[E]) first() (e E, ok bool) {
	if len(h) == 0 {
		return e, false
	}
	return h[0], true
}

func (h timeHeap[E]) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	*h[i].position() = int32(i)
	*h[j].position() = int32(j)
}

func (h timeHeap[E]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h[i].due().Before(h[parent].due()) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h timeHeap[E]) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].due().Before(h[least].due()) {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}

func (it *Item[T]) due() time.Time   { return it.job.NotBefore }
func (it *Item[T]) position() *int32 { return &it.pos }

func (f *flow[T]) due() time.Time   { return f.until }
func (f *flow[T]) position() *int32 { return &f.pos }
