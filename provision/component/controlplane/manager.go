package controlplane

import (
	"provision/provision/component"
	"provision/provision/internal/system"
	"provision/provision/resource/cert"
	"provision/provision/resource/identity"
)

// signingCA is the certificate of the authority that signs.
const signingCA = component.PKIDir + "/ca-signing.crt"

func controllerManager(s *component.Set) {
	s.Binary("kube-controller-manager", ControllerManager)
	// The key signs the client certificates that kubelets rotate to.
	// It takes one certificate alone, and reads both again when they change.
	s.Add(identity.NewPart(s.Host.Name, signingCA, system.ClusterCA, identity.Signer, 0o644))
	s.Add(identity.NewPart(s.Host.Name, component.PKIDir+"/ca.key", system.ClusterKey, identity.Signer, 0o600))
	access := s.Client("controller-manager", component.LocalAPIURL,
		cert.Spec{CommonName: "system:kube-controller-manager"}, ControllerManager)
	access = append(access, at(s, frontProxyCA), at(s, serviceKey))
	flags := managerFlags(s).Merge(s.Cluster.Inventory.Kubernetes.ControllerManagerArgs)
	s.Service(ControllerManager, service("Kubernetes controller manager", "simple",
		flags.ExecStart(component.BinDir+"/kube-controller-manager"), hardened), access...)
}

func managerFlags(s *component.Set) component.Flags {
	inv := s.Cluster.Inventory
	config := component.ConfigDir + "/controller-manager.conf"
	return component.Flags{
		"kubeconfig":                config,
		"authentication-kubeconfig": config,
		"authorization-kubeconfig":  config,
		"bind-address":              "127.0.0.1",
		"cluster-name":              inv.Cluster.Name,
		// provision assigns pod CIDRs itself, before a Node's kubelet starts.
		"allocate-node-cidrs":              "false",
		"client-ca-file":                   component.ClusterCA,
		"requestheader-client-ca-file":     frontProxyCA,
		"root-ca-file":                     component.ClusterCA,
		"cluster-signing-cert-file":        signingCA,
		"cluster-signing-key-file":         component.PKIDir + "/ca.key",
		"cluster-signing-duration":         leafLife(inv).String(),
		"service-account-private-key-file": serviceKey,
		"use-service-account-credentials":  "true",
		"leader-elect":                     "true",
		"profiling":                        "false",
		"terminated-pod-gc-threshold":      "1000",
	}
}
