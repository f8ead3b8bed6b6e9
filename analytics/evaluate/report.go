package evaluate

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// CSV writes one line for each method, setting and case, with a header.
func (r *Report) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{
		"method", "setting", "alpha", "false_alarms", "clean", "subject", "fault", "size", "unit", "found", "of", "low", "high", "early", "named", "median_delay_seconds",
	}) // its error is that of Flush
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, j := range r.Methods {
		for _, o := range j.Settings {
			setting := "matched"
			if o.Alpha == 0 {
				setting = "usual"
			}
			for _, c := range o.Cases {
				delay := ""
				if c.Found.Count > 0 {
					delay = number(c.Delay)
				}
				_ = out.Write([]string{
					j.Name, setting, number(o.Alpha), strconv.Itoa(o.FalseAlarms.Count), strconv.Itoa(o.FalseAlarms.Of), string(c.Subject), string(c.Fault), number(c.Size), c.Unit,
					strconv.Itoa(c.Found.Count), strconv.Itoa(c.Found.Of), number(c.Found.Low), number(c.Found.High), strconv.Itoa(c.Early), strconv.Itoa(c.Named), delay,
				})
			}
		}
	}
	out.Flush()
	return out.Error()
}

// Text writes the tables for people: the promises, and for each setting what each method found of each fault
// and size and its median delay. A star marks the best of a line.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d clean shipments and %d of each fault and size; %s\n", r.Clean, r.Each, r.Simulated)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nmethod\tusual setting\tclean shipments alarmed\t95 %\tcondemned\tµs a shipment")
	for _, j := range r.Methods {
		u := j.Settings[0].FalseAlarms
		fmt.Fprintf(t, "%s\t%s\t%d of %d (%s)\t%s to %s\t%d\t%.0f\n", j.Name, j.Setting, u.Count, u.Of, percent(u.Rate()), percent(u.Low), percent(u.High), j.Condemned.Count, j.Microseconds)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, m := range r.Methods {
		for _, p := range m.Promises {
			fmt.Fprintf(&b, "%s: p at most %g for %d of %d clean shipments (%s to %s); %d state a p, of those up to %d would not contradict %g: %s\n",
				m.Name, p.Alpha, p.Alarms.Count, p.Alarms.Of, percent(p.Alarms.Low), percent(p.Alarms.High), p.Stated, p.Most, p.Alpha, kept(p))
		}
	}
	if err := r.shifts(&b); err != nil {
		return err
	}
	for i := range r.Methods[0].Settings {
		if err := r.setting(&b, i); err != nil {
			return err
		}
	}
	if behind := r.Behind(); len(behind) > 0 {
		fmt.Fprintf(&b, "\nWhere another method is better than %s, beyond chance:\n", r.Methods[0].Name)
		for _, line := range behind {
			fmt.Fprintln(&b, line)
		}
	} else {
		fmt.Fprintf(&b, "\nNo other method is better than %s beyond chance at the same share of false alarms.\n", r.Methods[0].Name)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func kept(p Promise) string {
	if p.Kept {
		return "kept"
	}
	return "NOT KEPT"
}

// shifts writes the table of other worlds.
func (r *Report) shifts(b *strings.Builder) error {
	if len(r.Methods[0].Shifts) == 0 {
		return nil
	}
	fmt.Fprint(b, "\nClean shipments alarmed at the usual setting in other worlds than the study's\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "world")
	for _, m := range r.Methods {
		fmt.Fprintf(t, "\t%s", m.Name)
	}
	fmt.Fprintln(t)
	for i, shift := range r.Methods[0].Shifts {
		fmt.Fprint(t, shift.Name)
		for _, m := range r.Methods {
			fmt.Fprintf(t, "\t%s", percent(m.Shifts[i].Usual.Rate()))
			for _, p := range m.Shifts[i].Promises {
				fmt.Fprintf(t, ", p≤%g %s", p.Alpha, percent(p.Alarms.Rate()))
			}
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// setting writes one table.
func (r *Report) setting(b *strings.Builder, i int) error {
	if alpha := r.Methods[0].Settings[i].Alpha; alpha == 0 {
		fmt.Fprint(b, "\nFound and median delay, each at its usual setting\n")
	} else {
		fmt.Fprintf(b, "\nFound and median delay, each at the threshold that at most %s of the clean shipments exceed\n", percent(alpha))
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "fault\tsize")
	for _, j := range r.Methods {
		fmt.Fprintf(t, "\t%s", j.Name)
	}
	fmt.Fprint(t, "\nfalse alarms\t")
	for _, j := range r.Methods {
		fmt.Fprintf(t, "\t%s", percent(j.Settings[i].FalseAlarms.Rate()))
	}
	fmt.Fprintln(t)
	for k, c := range r.Methods[0].Settings[i].Cases {
		size := ""
		if c.Unit != "" {
			size = strconv.FormatFloat(c.Size, 'g', 4, 64) + " " + c.Unit
		}
		fmt.Fprintf(t, "%s\t%s", c.Fault, size)
		best := 0
		for _, j := range r.Methods {
			best = max(best, j.Settings[i].Cases[k].Found.Count)
		}
		for _, j := range r.Methods {
			fmt.Fprintf(t, "\t%s", cell(j.Settings[i].Cases[k], best))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func cell(c Case, best int) string {
	s := percent(c.Found.Rate())
	if c.Found.Count > 0 {
		s += " " + short(time.Duration(math.Round(c.Delay))*time.Second)
	}
	if c.Found.Count == best && best > 0 {
		s += " *"
	}
	return s
}

func percent(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) + " %" }

// short writes a duration in hours and minutes.
func short(d time.Duration) string {
	if d < time.Hour {
		return fmt.Sprintf("%dm", int(math.Round(d.Minutes())))
	}
	m := int(math.Round(d.Minutes()))
	return fmt.Sprintf("%dh%02d", m/60, m%60)
}

// Behind lists the cases, at each share of false alarms, in which another method found more shipments than the first one by
// more than chance explains: each one's rate lies outside the other's 95 % interval.
func (r *Report) Behind() []string {
	var out []string
	for i, o := range r.Methods[0].Settings {
		if o.Alpha == 0 { // false alarms differ
			continue
		}
		for k, own := range o.Cases {
			for _, m := range r.Methods[1:] {
				other := m.Settings[i].Cases[k]
				if other.Found.Low > own.Found.Rate() && own.Found.High < other.Found.Rate() {
					out = append(out, fmt.Sprintf("%s of %g %s, at %s false alarms: %s finds %d of %d, %s %d",
						own.Fault, own.Size, own.Unit, percent(o.Alpha), m.Name, other.Found.Count, other.Found.Of, r.Methods[0].Name, own.Found.Count))
				}
			}
		}
	}
	return out
}
