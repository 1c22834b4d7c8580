package pool_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// BenchmarkTransaction is one transaction on a warm connection over the
// loopback, one after the other; the receiver runs in the same process, and its
// allocations count as well.
func BenchmarkTransaction(b *testing.B) {
	for _, size := range []int{1 << 10, 50 << 10} {
		for _, recipients := range []int{1, 10} {
			b.Run(fmt.Sprintf("%dKiB/%drcpt", size>>10, recipients), func(b *testing.B) {
				benchmarkTransaction(b, size, recipients)
			})
		}
	}
}

func benchmarkTransaction(b *testing.B, size, recipients int) {
	server := smtptest.NewServer(smtptest.Config{StatsOnly: true})
	defer server.Close()
	p, err := pool.New(pool.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	data := bytes.Repeat([]byte("0123456789012345678901234567890123456789012345678901234567890\r\n"), size/63)
	body := mustBody(data)
	var to []string
	for i := range recipients {
		to = append(to, fmt.Sprintf("r%d@example.com", i))
	}
	done := make(chan pool.Report)
	feed := make(chan *pool.Delivery)
	if err := p.Open(pool.Endpoint{Addr: server.Addr, TLS: pool.TLSNone}, fed{feed: feed}); err != nil {
		b.Fatal(err)
	}
	h := &hooks{done: func(r pool.Report) { done <- r }}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		feed <- &pool.Delivery{From: "me@example.net", To: to, Body: body, Value: h}
		if r := <-done; fates(r)[0] != 'D' {
			b.Fatal(describe(r))
		}
	}
	close(feed)
}

// fed is a User whose deliveries come over a channel. Next waits, as it must
// not elsewhere; here that keeps the line warm.
type fed struct {
	byHooks
	feed chan *pool.Delivery
}

func (f fed) Next(*pool.Conn) (*pool.Delivery, bool) {
	d, ok := <-f.feed
	return d, !ok
}
