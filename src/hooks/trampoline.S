/*
 * The calls that C cannot interpose: vfork returns twice on one stack; dlopen and dlmopen look at
 * their caller; syscall, prctl and execl take any arguments. Each ends in a jump to the original, so its
 * caller stays its caller. x86-64, System V ABI.
 */
	.text

	.macro ENTRY name
	.globl \name
	.type \name, @function
	.p2align 4
\name:
	endbr64
	.endm

	.macro END name
	.size \name, . - \name
	.endm

/* Jumps to the original in \var, looking it up first if need be; every argument register is kept. */
	.macro TAIL var
	movq \var(%rip), %r11
	testq %r11, %r11
	jnz 9f
	SAVE
	call at_libc_resolve
	RESTORE
	movq \var(%rip), %r11
9:	jmp *%r11
	.endm

/* Argument registers (rax: the count of vector registers of a variadic call); 8 pushes and the return
 * address leave the stack 8 off, as it must be aligned at the call one more goes. */
	.macro SAVE
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %r8
	pushq %r9
	pushq %rax
	.endm

	.macro RESTORE
	popq %rax
	popq %r9
	popq %r8
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	.endm

/* libuv closes by syscall(); others accept so, or filter their system calls. Everything else goes
 * straight on. */
ENTRY syscall
	cmpq $3, %rdi
	je 1f
	cmpq $288, %rdi
	je 2f
	cmpq $436, %rdi
	je 3f
	cmpq $317, %rdi
	je 4f
	cmpq $157, %rdi
	je 5f
6:	TAIL at_libc_syscall
1:	movq %rsi, %rdi
	jmp at_hook_syscall_close
2:	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	movq %r8, %rcx
	jmp at_hook_syscall_accept4
3:	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	jmp at_hook_syscall_close_range
4:	SAVE
	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	call at_hook_before_seccomp
	RESTORE
	jmp 6b
5:	SAVE
	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	call at_hook_before_prctl
	RESTORE
	jmp 6b
END syscall

/* Takes as many arguments as its first one says. */
ENTRY prctl
	cmpl $22, %edi
	jne 1f
	SAVE
	call at_hook_before_prctl
	RESTORE
1:	TAIL at_libc_prctl
END prctl

/* RTLD_DEEPBIND would hide the library's calls from us. */
ENTRY dlopen
	andl at_hook_dlopen_mask(%rip), %esi
	TAIL at_libc_dlopen
END dlopen

/* The child runs on the parent's stack and memory until it execs or exits; the mark is thread-local,
 * so only this thread passes by, and the parent takes it back. The return address is kept in a
 * register because the child may overwrite the stack above. */
ENTRY vfork
	popq %rdi
	movq at_thread_self@gottpoff(%rip), %rdx
	movl %fs:4(%rdx), %esi
	movl $1, %fs:4(%rdx)
	movl $58, %eax
	syscall
	pushq %rdi
	testq %rax, %rax
	jz 1f
	movl %esi, %fs:4(%rdx)
	cmpq $-4095, %rax
	jae 2f
1:	ret
2:	negl %eax
	pushq %rax
	call __errno_location@PLT
	popq %rdx
	movl %edx, (%rax)
	movq $-1, %rax
	ret
END vfork

	.macro EXEC name
ENTRY \name
	SAVE
	call at_hook_before_exec
	RESTORE
	TAIL at_libc_\name
END \name
	.endm

EXEC execve
EXEC execv
EXEC execvp
EXEC execvpe
EXEC execl
EXEC execlp
EXEC execle
EXEC fexecve
EXEC execveat

	.section .note.GNU-stack, "", @progbits
