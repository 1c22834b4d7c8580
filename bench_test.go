package smtpace

import (
	"fmt"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// BenchmarkSendAll is one rendered message of 1 KiB over four connections to a
// loopback socket; the receiver runs in the same process, and what it
// allocates counts as well.
func BenchmarkSendAll(b *testing.B) {
	for _, recipients := range []int{1, 10} {
		b.Run(fmt.Sprintf("%drcpt", recipients), func(b *testing.B) {
			srv := smtptest.NewServer(smtptest.Config{Record: smtptest.RecordStats})
			defer srv.Close()
			wide := throttle.Limits{Connections: 4, MessagesPerConnection: throttle.Unlimited}
			s, err := New(Config{
				Relays:  []Relay{{Addr: srv.Addr, TLS: pool.TLSNone, Limits: wide}},
				Process: wide, Destination: wide,
			})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var to []string
			for i := range recipients {
				to = append(to, fmt.Sprintf("r%d@x.example", i))
			}
			m := rendered("m", to...)
			m.Data = append(m.Data, strings.Repeat(strings.Repeat("x", 62)+"\r\n", 15)...)
			b.SetBytes(int64(len(m.Data)))
			b.ReportAllocs()
			err = s.SendAll(b.Context(), func(yield func(Message) bool) {
				for b.Loop() {
					if !yield(m) {
						return
					}
				}
			}, nil)
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
