package demo

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// writeText writes the liar's table, how the scorers stand and what was held against the scoring engine.
func (r *ScoringReport) writeText(w io.Writer) error {
	if len(r.Lies) > 0 {
		if _, err := fmt.Fprintf(w, "\nFour scorers judge, and one of them lies: %s.\n", r.Liar); err != nil {
			return err
		}
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "\tLIE\tSHIPMENT\tWINDOW\tIT SAID\tSTANDS\tCAUGHT BY\tBLOCK\tTRANSACTION\tCOST\tOF IT TO WHO PROVED IT")
		for _, l := range r.Lies {
			mark, caught, reward := "ok", l.Caught, "-"
			if !l.OK {
				mark, caught = "!!", l.Why
			}
			if l.By != "" {
				reward = fmt.Sprintf("%d %s", l.Reward, l.By)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%d\t%s\t%d\t%s\n", mark, l.Lie, shortEPC(l.Shipment), l.Window, l.Said, l.Stands,
				caught, l.Block, shortTx(l.Transaction), l.Cost, reward)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		t = tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintf(t, "\nThe task of each, which `waybill scoring task` shows:\n")
		for _, l := range r.Lies {
			fmt.Fprintf(t, "%s\t%s\n", l.Lie, l.Task)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SCORER\tSTAKE\tREWARDS\tFOUND\tSLASHED\tRIGHT\tWRONG\tSILENT\tREPUTATION")
	for _, s := range r.Scorers {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", s.Organisation, s.Stake, s.Rewards, s.Found, s.Slashed, s.Right, s.Wrong, s.Silent,
			strconv.FormatFloat(float64(s.Reputation)/1e6, 'f', 3, 64))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "RIGHT, WRONG and SILENT count tasks since the network began, those of earlier runs too; a window that scorers saw differently has several.\n\n%s\n%s\n",
		r.judged(), r.Credits.sentence())
	if err == nil && r.Why != "" {
		_, err = fmt.Fprintf(w, "!! %s.\n", r.Why)
	}
	return err
}

// judged says how many judged, and how well.
func (r *ScoringReport) judged() string {
	by := "all by a panel of four"
	if r.ByFour < r.Windows {
		by = fmt.Sprintf("%d by a panel of four and %d by fewer", r.ByFour, r.Windows-r.ByFour)
	}
	return fmt.Sprintf("%d windows of these shipments were judged, %s. %d of their final verdicts are what an honest engine says, bit for bit.", r.Windows, by, r.Final)
}

func (c CreditsRow) sentence() string {
	told := fmt.Sprintf("%d credits were minted: %d are burned, %d unspent and %d locked", c.Minted, c.Burned, c.Unspent, c.Locked)
	if !c.Balanced {
		return told + ", which does not add up."
	}
	return told + ", which adds up."
}
