# Sourced by the cases: an sshd of our own on loopback, with keys of its own. Needs common.sh.

start_sshd() { # in the directory ssh; its port is in $ssh_port, its id in $sshd
	mkdir -p ssh && chmod 700 ssh
	ssh-keygen -q -t ed25519 -N '' -f ssh/host_key
	ssh-keygen -q -t ed25519 -N '' -f ssh/client_key
	cp ssh/client_key.pub ssh/authorized_keys
	ssh_port=$(free_port)
	cat >ssh/sshd_config <<-EOF
		Port $ssh_port
		ListenAddress 127.0.0.1
		HostKey $PWD/ssh/host_key
		PidFile $PWD/ssh/pid
		AuthorizedKeysFile $PWD/ssh/authorized_keys
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PermitRootLogin yes
		AcceptEnv PASSED_*
		SetEnv CASES=$CASES ${LD_PRELOAD:+LD_PRELOAD=$LD_PRELOAD} OTEL_EXPORTER_OTLP_ENDPOINT=${OTEL_EXPORTER_OTLP_ENDPOINT:-}
		Subsystem sftp /usr/lib/openssh/sftp-server
		LogLevel VERBOSE
		MaxStartups 50
	EOF
	cat >ssh/config <<-EOF
		Host there
		HostName 127.0.0.1
		Port $ssh_port
		User $(id -un)
		IdentityFile $PWD/ssh/client_key
		UserKnownHostsFile $PWD/ssh/known_hosts
		StrictHostKeyChecking accept-new
		IdentitiesOnly yes
		LogLevel ERROR
	EOF
	# Where no service has made it; a system directory, and empty.
	[ "$(id -u)" != 0 ] || [ -d /run/sshd ] || mkdir -m 755 /run/sshd
	begin /usr/sbin/sshd -D -f "$PWD/ssh/sshd_config" -E "$PWD/ssh/log"
	# shellcheck disable=SC2034 # for the case
	sshd=$begun
	soon listens "$ssh_port"
}

remote() { command ssh -F ssh/config "$@"; }
tunnel() { exec ssh -F ssh/config "$@"; } # for begin, which has to know its id
