package simulate

// fifo is messages that wait in a row.
type fifo struct {
	row  []*message
	head int
}

func (f *fifo) len() int { return len(f.row) - f.head }

func (f *fifo) push(m *message) { f.row = append(f.row, m) }

// pop returns the first, nil when there is none.
func (f *fifo) pop() *message {
	if f.len() == 0 {
		return nil
	}
	m := f.row[f.head]
	f.row[f.head] = nil
	f.head++
	if f.head > 1000 && 2*f.head > len(f.row) {
		f.row = append(f.row[:0], f.row[f.head:]...)
		f.head = 0
	}
	return m
}
