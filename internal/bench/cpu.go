package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tick is the unit of a process's times in Linux's /proc, which is 1/100 s on every architecture that Go runs on.
const ticksPerSecond = 100

// cpuByProgram gives the processor seconds that this process and all its descendants have used so
// far, by the program's name; nil where the system does not tell. A figure of processor time stays
// true on a machine whose other users make every rate a matter of luck.
func cpuByProgram() map[string]float64 {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return nil
	}
	type process struct {
		parent int
		name   string
		ticks  float64
	}
	all := map[int]process{}
	for _, file := range files {
		raw, err := os.ReadFile(file) //nolint:gosec // found by the pattern above
		if err != nil {
			continue // it ended meanwhile
		}
		// The name stands in parentheses and may itself hold any character.
		open, shut := bytes.IndexByte(raw, '('), bytes.LastIndexByte(raw, ')')
		if open < 1 || shut < open {
			continue
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(raw[:open])))
		fields := strings.Fields(string(raw[shut+1:]))
		if err != nil || len(fields) < 13 {
			continue
		}
		parent, err1 := strconv.Atoi(fields[1])
		user, err2 := strconv.ParseFloat(fields[11], 64)
		system, err3 := strconv.ParseFloat(fields[12], 64)
		if err1 != nil || err2 != nil || err3 != nil {
			continue
		}
		all[pid] = process{parent, string(raw[open+1 : shut]), user + system}
	}
	self := os.Getpid()
	out := map[string]float64{}
	for pid, p := range all {
		for at, steps := pid, 0; at > 1 && steps < 64; at, steps = all[at].parent, steps+1 {
			if at == self {
				name := p.name
				if pid == self {
					name = "bench"
				}
				out[name] += p.ticks / ticksPerSecond
				break
			}
		}
	}
	return out
}

// cpuSince gives what was used since an earlier reading, program by program.
func cpuSince(before map[string]float64) map[string]float64 {
	now := cpuByProgram()
	if now == nil || before == nil {
		return nil
	}
	out := map[string]float64{}
	for name, seconds := range now {
		if d := seconds - before[name]; d > 0 {
			out[name] = d
		}
	}
	return out
}
