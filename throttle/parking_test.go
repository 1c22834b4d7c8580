package throttle

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// parkedTurns returns a rig with a scope that lets a message go each minute and has used
// its first, and the turns of two items that it holds back in a lane, for different paths.
func parkedTurns(t *testing.T, lane Lane) (r *rig, p *parent[string], first, second *turns[string]) {
	r = newRig(t, wide())
	r.setLimits(acme, Limits{MessageRate: Rate{Count: 1, Per: time.Minute}})
	push := func(to string) {
		r.job(Job[string]{Destination: "d" + to, Value: to, Path: Through(to), Lane: lane, Scopes: scopeList(t, acme)})
	}
	push("a")
	a, b := r.open("a"), r.open("b")
	r.exchange(a, "a")
	push("a")
	push("b")
	r.none(a, 0)
	r.none(b, 0)
	r.s.mu.Lock()
	p, _ = r.s.parents.get(acme.String())
	if n := len(p.wanting[lane]); n != 2 {
		t.Fatalf("%d turns are waited for, want 2", n)
	}
	first, second = p.wanting[lane][0], p.wanting[lane][1]
	r.s.mu.Unlock()
	return r, p, first, second
}

// TestAReturnedItemHasHadItsTurn: its path waits behind the others for the next one. One
// that was returned out of turn leaves the order as it is.
func TestAReturnedItemHasHadItsTurn(t *testing.T) {
	for _, lane := range []Lane{Single, Bulk} {
		for _, inTurn := range []bool{true, false} {
			t.Run(fmt.Sprint(lane, inTurn), func(t *testing.T) {
				r, p, first, second := parkedTurns(t, lane)
				r.s.mu.Lock()
				defer r.s.mu.Unlock()
				p.singles = 3
				parked, back, returned := p.parked, p.back, r.s.returned
				q, want := first, []*turns[string]{second}
				if !inTurn {
					q, want = second, []*turns[string]{first, second}
				}
				r.s.returnLocked(r.now, q)
				if !slices.Equal(p.wanting[lane], want) || first.wanting == inTurn || !second.wanting {
					t.Errorf("%d turns are waited for, want %d", len(p.wanting[lane]), len(want))
				}
				if singles := map[Lane]int{Single: 4}[lane]; p.singles != singles {
					t.Errorf("%d turns of single mail in a row, want %d", p.singles, singles)
				}
				if p.parked != parked-1 || p.back != back+1 || r.s.returned != returned+1 || q.back == nil || q.back.unparked == nil {
					t.Errorf("%d parked, %d back, %d returned", p.parked, p.back, r.s.returned)
				}
				if !inTurn {
					return
				}
				if r.s.returnLocked(r.now, second); len(p.wanting[lane]) > 0 || second.wanting {
					t.Error("the last turn is waited for although it was had")
				}
			})
		}
	}
}

// TestAnItemThatIsParkedAgainLeavesItsPlace to one of another path, also when its flow can
// let nothing go by then.
func TestAnItemThatIsParkedAgainLeavesItsPlace(t *testing.T) {
	r, p, first, second := parkedTurns(t, Bulk)
	r.pass(time.Minute)
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.offersLocked(r.now)
	if first.back == nil || second.back != nil {
		t.Fatal("after a minute the first is not back alone")
	}
	it := first.back.unparked
	r.s.lots[it.flow].open = [lanes][kinds]bool{}
	r.s.parkLocked(r.now, it, p)
	if first.back != nil || p.parked != 2 || p.back != 0 {
		t.Errorf("%d are parked and %d back, want 2 and none", p.parked, p.back)
	}
	if r.s.offersLocked(r.now); second.back == nil || p.parked != 1 || p.back != 1 {
		t.Errorf("%d are parked and %d back, want one each", p.parked, p.back)
	}
}
