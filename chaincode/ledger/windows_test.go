package ledger

import (
	"errors"
	"testing"
)

// counted is a ledger on which windows have final verdicts.
type counted struct {
	standing

	finals map[uint32]TaskStatement
	blend  bool
}

func (c counted) FinalVerdict(_ string, window uint32, model string) (*FinalVerdict, error) {
	if _, ok := c.finals[window]; !ok || c.blend != (model == "") {
		return nil, nil //nolint:nilnil // nothing is final
	}
	return &FinalVerdict{Window: window, Model: model, Task: Digest{byte(window)}}, nil
}

func (c counted) Statement(task Digest) (*TaskStatement, error) {
	s := c.finals[uint32(task[0])]
	return &s, nil
}

// Whoever counts a container's windows from an earlier journey on, or a later one's from where it did not begin, has not in the list
// what the verdicts before rest on. A challenge voids it, and costs who answered it.
func TestAListIsOfTheJourneyWhoseWindowsItCounts(t *testing.T) {
	event := func(n byte, in ...Contained) Reference {
		return Reference{Kind: RefEvent, Digest: Digest{n}, Containers: in}
	}
	list := func(window, begins uint32, refs ...Reference) TaskStatement {
		return TaskStatement{Shipment: "s", Model: "m@" + Digest{1}.String(), Window: window, Begins: begins, References: refs}
	}
	first := list(0, 0, event(1), event(2))
	measured := Reference{Kind: RefSegments, ID: "x", Last: 8, Digest: Digest{7}}
	ended := list(2, 0, event(1), event(2), event(3), event(9, Contained{"i", "i"}), Reference{Kind: RefSegments, ID: "x", Last: 7, Digest: Digest{8}})
	withdrawn := list(2, 0, event(1), event(2), event(77), Reference{Kind: RefWithdrawn, Digest: Digest{2}})
	later := list(3, 3, event(4))
	for what, c := range map[string]struct {
		finals []TaskStatement
		list   TaskStatement
		whole  bool
	}{
		"a first window":                                {nil, list(0, 0, event(4)), true},
		"of which no window is final":                   {nil, list(2, 0, event(4)), true},
		"with all that the one before rests on":         {[]TaskStatement{first}, list(1, 0, event(1), event(2), event(3)), true},
		"with less":                                     {[]TaskStatement{first}, list(1, 0, event(1), event(3)), false},
		"with less than one long before":                {[]TaskStatement{first}, list(7, 0, event(1), event(3)), false},
		"without what closed it":                        {[]TaskStatement{ended}, list(4, 0, event(1), event(2), event(3)), false},
		"with what opened and what closed it":           {[]TaskStatement{ended}, list(4, 0, event(1), measured), true}, // what else it leaves out is claimed
		"after one that a declaration of error closed":  {[]TaskStatement{withdrawn}, list(4, 0, event(1), event(2)), true},
		"of another beginning":                          {[]TaskStatement{ended}, list(4, 0, event(2), event(3), event(9), event(4), measured), true},
		"of a beginning that came later":                {[]TaskStatement{ended}, list(4, 0, event(4), measured), false},
		"a later journey's first window":                {[]TaskStatement{first, ended}, list(3, 3, event(4)), true},
		"its second":                                    {[]TaskStatement{ended, later}, list(4, 3, event(4), event(5)), true},
		"its second, counted from the journey before":   {[]TaskStatement{ended, later}, list(4, 0, event(1), event(2), event(3), event(4), event(5)), false},
		"its first, counted so, without that one's end": {[]TaskStatement{first, ended}, list(3, 0, event(1), event(2), event(4)), false},
		"counted from within":                           {[]TaskStatement{ended, later}, list(5, 4, event(4), event(5)), true}, // which does not open
	} {
		for _, blend := range []bool{false, true} {
			l := counted{finals: map[uint32]TaskStatement{}, blend: blend}
			for _, s := range c.finals {
				l.finals[s.Window] = s
			}
			whole, err := c.list.goesOnAs(0, l)
			if err != nil || whole != c.whole {
				t.Errorf("%s: %t %v", what, whole, err)
			}
			v := panel([]Credits{10, 10}, []int64{1, 1})
			v.Task.Policy, v.Task.Statement = 1, c.list
			d, err := execute(v, SettledChallenge, Digest{9}, taskPolicy(), func(TaskStatement, int) (Ruling, error) {
				return Ruling{Answer: v.Reveals[0].Answer}, nil
			}, l, Tx{})
			if err != nil || c.whole != (d.Settlement == nil) || !c.whole && (d.Settlement.By != SettledNoWindow || len(d.Slashes) != 2) {
				t.Errorf("%s: %+v %v", what, d, err)
			}
		}
	}
	broken := errors.New("no line")
	if _, err := list(1, 0).goesOnAs(0, failingFinal{err: broken}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// failingFinal is a ledger that cannot be read.
type failingFinal struct {
	standing

	err error
}

func (f failingFinal) FinalVerdict(string, uint32, string) (*FinalVerdict, error) { return nil, f.err }
