package pool

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestMemoryIsBounded: the endpoint that was asked for longest ago is forgotten first.
func TestMemoryIsBounded(t *testing.T) {
	var m memory
	e := func(i int) Endpoint { return Endpoint{Addr: fmt.Sprintf("mx%d.test:25", i)} }
	first, second := m.of(e(0)), m.of(e(1))
	for i := 2; i < maxKnown; i++ {
		m.of(e(i))
	}
	if m.of(e(0)) != first {
		t.Error("the first of as many as are kept was forgotten")
	}
	m.of(e(maxKnown)) // takes the place of the second
	if m.of(e(0)) != first || m.order.Len() != maxKnown || len(m.entries) != maxKnown {
		t.Errorf("%d and %d endpoints are kept, want %d", m.order.Len(), len(m.entries), maxKnown)
	}
	if m.of(e(1)) == second {
		t.Error("the one that was asked for longest ago was kept")
	}
	if named := m.of(Endpoint{Name: "a", Addr: "mx0.test:25"}); named == first {
		t.Error("endpoints of different names share what is known")
	}
}

// TestAddressesAreBounded: of an endpoint with ever new addresses the state of the
// latest is kept.
func TestAddressesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(known)
		at := func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 25)
		}
		for i := range maxAddresses {
			k.begins(time.Now(), at(i))
			time.Sleep(time.Second)
		}
		k.begins(time.Now(), at(0))
		time.Sleep(time.Second)
		k.begins(time.Now(), at(maxAddresses)) // takes the place of the second
		if len(k.addresses) != maxAddresses || k.addresses[at(0)] == nil || k.addresses[at(1)] != nil || k.addresses[at(2)] == nil {
			t.Errorf("%d addresses are kept, the second %v", len(k.addresses), k.addresses[at(1)])
		}
	})
}

// TestRests follows the rests of one address.
func TestRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := netip.MustParseAddrPort("192.0.2.1:25")
		fails := func(k *known, silent bool, took, least, most time.Duration) {
			t.Helper()
			begun := time.Now()
			k.begins(begun, at)
			time.Sleep(took)
			k.failed(time.Now(), begun, at, silent)
			end := time.Until(k.addresses[at].until)
			if end < least || end > most {
				t.Errorf("rests for %v, want %v to %v", end, least, most)
			}
			time.Sleep(end - time.Nanosecond)
			if !k.addresses[at].rests(time.Now()) {
				t.Error("the rest ended early")
			}
			time.Sleep(time.Nanosecond)
			if k.addresses[at].rests(time.Now()) {
				t.Error("the rest did not end")
			}
			k.begins(time.Now(), at)
			if !k.addresses[at].rests(time.Now()) {
				t.Error("a second try is made beside the first")
			}
			if k.ended(at); k.addresses[at].rests(time.Now()) {
				t.Error("nobody tries, and the address still rests")
			}
		}
		k := new(known)
		for _, rest := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
			fails(k, false, 0, rest*time.Second, rest*time.Second*6/5)
		}
		k.worked(at)
		fails(k, false, 0, time.Second, 1200*time.Millisecond)
		k.worked(at)
		fails(k, true, 0, 15*time.Second, 18*time.Second)
		fails(k, true, 0, 30*time.Second, 36*time.Second)
		k.worked(at)
		fails(k, true, 30*time.Second, 10*time.Minute, 12*time.Minute) // 20 times as long as the try
		fails(k, true, 5*time.Minute, time.Hour, 72*time.Minute)       // but no longer than that
		late := new(known)
		begun := time.Now()
		for range 5 { // of tries that began together the first teaches
			late.begins(begun, at)
		}
		for range 5 {
			time.Sleep(time.Millisecond)
			late.failed(time.Now(), begun, at, false)
		}
		if rest := late.addresses[at].rest; rest != time.Second {
			t.Errorf("rests for %v after five tries at once, want 1 s", rest)
		}
	})
}

func TestPatience(t *testing.T) {
	for answered, want := range map[time.Duration]time.Duration{
		0: 250 * time.Millisecond, 125 * time.Millisecond: 250 * time.Millisecond, 126 * time.Millisecond: 252 * time.Millisecond,
		time.Second: 2 * time.Second, 2 * time.Second: 2 * time.Second,
	} {
		k := new(known)
		if k.answers(answered); k.patience() != want {
			t.Errorf("after an answer in %v: got %v, want %v", answered, k.patience(), want)
		}
	}
}

// TestCandidates rotates the addresses of each family and bounds their number.
func TestCandidates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ips []netip.Addr
		for i := range 15 {
			ips = append(ips, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i)))
		}
		k := new(known)
		for turn := range 31 {
			got := k.candidates(time.Now(), ips, 25)
			if len(got) != maxCandidates || got[0].Addr() != ips[2*(turn%15)] || got[1].Addr() != ips[2*((turn+1)%15)] || got[15].Addr() != ips[2*(turn%15)+1] || got[0].Port() != 25 {
				t.Fatalf("turn %d: got %d, %v", turn, len(got), got)
			}
		}
		k.worked(netip.AddrPortFrom(ips[1], 25))
		if got := k.candidates(time.Now(), ips, 25); !got[0].Addr().Is6() || !got[15].Addr().Is4() {
			t.Errorf("behind a session over IPv6: got %v", got)
		}
		two := ips[:2]
		k.failed(time.Now(), time.Now(), netip.AddrPortFrom(two[0], 25), true)
		if got := k.candidates(time.Now(), two, 25); len(got) != 1 || got[0].Addr() != two[1] {
			t.Errorf("one rests: got %v", got)
		}
		time.Sleep(time.Second)
		k.failed(time.Now(), time.Now(), netip.AddrPortFrom(two[1], 25), false)
		if got := k.candidates(time.Now(), two, 25); len(got) != 1 || got[0].Addr() != two[1] {
			t.Errorf("both rest: got %v, want the one whose rest ends first", got)
		}
	})
}
