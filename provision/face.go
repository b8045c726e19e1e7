package provision

import (
	"provision/provision/access"
	"provision/provision/authority"
	"provision/provision/checkup"
	"provision/provision/examine"
	"provision/provision/history"
	"provision/provision/lock"
	"provision/provision/status"
)

// What verbs return, by the names that whoever calls them knows.
type (
	API           = access.API
	Access        = access.Access
	Authority     = authority.Authority
	LockedError   = lock.LockedError
	Status        = status.Status
	HostStatus    = status.HostStatus
	ServiceStatus = status.ServiceStatus
	Certificate   = status.Certificate
	Certificates  = status.Certificates
	Turning       = status.Turning
	Diagnosis     = checkup.Diagnosis
	Preflight     = examine.Preflight
	History       = history.History
	Way           = history.Way
)

// States of certificates, and who renews them; see package status.
const (
	CertValid   = status.CertValid
	CertDue     = status.CertDue
	CertOverdue = status.CertOverdue
	CertEnded   = status.CertEnded
	CertBad     = status.CertBad
	ByKubelet   = status.ByKubelet
	ByTimer     = status.ByTimer
	ByApply     = status.ByApply
	ByRenew     = status.ByRenew
	ByRotate    = status.ByRotate
)
