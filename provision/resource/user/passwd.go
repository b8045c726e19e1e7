package user

import "strings"

// account is a line of /etc/passwd.
type account struct {
	UID   string `json:"uid"`
	GID   string `json:"gid"`
	Home  string `json:"home"`
	Shell string `json:"shell"`
}

// group is a line of /etc/group.
type group struct {
	GID     string   `json:"gid"`
	Members []string `json:"members,omitempty"`
}

// parsePasswd reads passwd(5). Lines that are not accounts are passed over; the
// first of a name counts, as for the C library.
func parsePasswd(content string) map[string]account {
	accounts := map[string]account{}
	for line := range strings.Lines(content) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) != 7 || fields[0] == "" || strings.ContainsAny(fields[0][:1], "#+-") {
			continue
		}
		if _, known := accounts[fields[0]]; !known {
			accounts[fields[0]] = account{UID: fields[2], GID: fields[3], Home: fields[5], Shell: fields[6]}
		}
	}
	return accounts
}

// parseGroup reads group(5).
func parseGroup(content string) map[string]group {
	groups := map[string]group{}
	for line := range strings.Lines(content) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) != 4 || fields[0] == "" || strings.ContainsAny(fields[0][:1], "#+-") {
			continue
		}
		if _, known := groups[fields[0]]; known {
			continue
		}
		entry := group{GID: fields[2]}
		for member := range strings.SplitSeq(fields[3], ",") {
			if member = strings.TrimSpace(member); member != "" {
				entry.Members = append(entry.Members, member)
			}
		}
		groups[fields[0]] = entry
	}
	return groups
}
