/* SPDX-License-Identifier: MIT */
/* What the public interface says of a machine's screen. */
#include "lib/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/fb.h"
#include "tests/tap.h"

static char top[200], web[220];

static void
show(void)
{
	struct fb_head next = {.kind = FB_TEXT,
		.width = 640,
		.height = 32,
		.pitch = 320,
		.double_x = 1,
		.double_y = 1,
		.split = 32,
		.cell_w = 8,
		.cell_h = 16,
		.cursor_from = 14,
		.cursor_to = 15,
		.underline = 32,
		.palette = {[7] = 0xaaaaaa}};
	struct fb_head *head;
	void *ram;
	int dir = open(web, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 || fb_make(dir, 1 << 20, &head, &ram) || fb_place(dir))
		exit(1);
	memcpy(ram, "o\7\0\0k\7\0\0", 8);
	fb_publish(head, &next);
	fb_unmap(head, 1 << 20);
	close(dir);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	struct vmm_screen s = {0};
	struct vmm_home *h;
	char *text = NULL, path[240];

	deadline(60);
	snprintf(top, sizeof(top), "%s/api-screen.%ld", tmp ? tmp : "/tmp",
		(long)getpid());
	snprintf(web, sizeof(web), "%s/web", top);
	if (vmm_home_open(&h, top) || vmm_create(h, "web", "memory = 2M\n"))
		exit(1);
	ok(vmm_screen(h, "nosuch", &s) == -ENOENT &&
			!strcmp(vmm_error(), "nosuch: no such machine"),
		"no machine");
	ok(vmm_screen(h, "web", &s) == -ENOENT &&
			!strcmp(vmm_error(), "web: no screen"),
		"one that never ran");
	ok(vmm_screen_text(h, "web", &text) == -ENOENT, "no text either");
	show();
	ok(vmm_screen(h, "web", &s) == 0 && s.width == 640 && s.height == 32,
		"a picture");
	ok(s.pixels && !s.pixels[0] && s.pixels[14 * 640] == 0xaaaaaa,
		"of pixels, with the cursor");
	free(s.pixels);
	ok(vmm_screen_text(h, "web", &text) == 0, "its text");
	is_str(text ? text : "", "ok\n\n", "a line a row");
	free(text);
	snprintf(path, sizeof(path), "%s/fb", web);
	ok(truncate(path, 5) == 0 && vmm_screen(h, "web", &s) == -EINVAL &&
			vmm_screen_text(h, "web", &text) == -EINVAL,
		"what is none");
	vmm_remove(h, "web");
	vmm_home_close(h);
	return done();
}
