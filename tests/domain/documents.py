"""Domain XML for tests: all that is supported, the least that is allowed, and small changes to that."""

FULL = """<domain type='kvm' id='7'>
  <name>full guest</name>
  <uuid>6f0a0b8e-3f3c-4c8e-9b57-8d1f5f0e2a11</uuid>
  <title>A title</title>
  <description>Two
lines &amp; more</description>
  <metadata>
    <app:note xmlns:app="urn:example" kind="a"><!-- kept --> text <![CDATA[<raw>]]></app:note>
  </metadata>
  <memory unit='MiB'>256</memory>
  <currentMemory unit='KiB'>131072</currentMemory>
  <vcpu placement='static' current='1'>2</vcpu>
  <sysinfo type='smbios'>
    <bios>
      <entry name='vendor'>A vendor</entry>
    </bios>
    <system>
      <entry name='manufacturer'>A maker</entry>
      <entry name='uuid'>6f0a0b8e-3f3c-4c8e-9b57-8d1f5f0e2a11</entry>
    </system>
    <oemStrings>
      <entry>a string</entry>
    </oemStrings>
  </sysinfo>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>/boot/vmlinuz</kernel>
    <initrd>/boot/initrd.img</initrd>
    <cmdline>console=ttyS0 quiet</cmdline>
    <smbios mode='sysinfo'/>
  </os>
  <features>
    <acpi/>
    <apic/>
    <pae/>
  </features>
  <clock offset='localtime'/>
  <on_poweroff>preserve</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>restart</on_crash>
  <devices>
    <emulator>/usr/bin/kvmctl-vmm</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' discard='unmap'/>
      <source file='/srv/disk.img'/>
      <target dev='vda' bus='virtio'/>
      <serial>A1_b.+- 2</serial>
      <alias name='virtio-disk0'/>
    </disk>
    <disk type='block' device='disk'>
      <source dev='/dev/sdb'/>
      <target dev='vdb'/>
      <readonly/>
    </disk>
    <controller type='usb' index='0' model='none'/>
    <interface type='bridge'>
      <mac address='52:54:00:12:34:56'/>
      <source bridge='br0'/>
      <target dev='lan0'/>
      <model type='virtio'/>
      <alias name='net0'/>
    </interface>
    <interface type='ethernet'>
      <target dev='tap5'/>
    </interface>
    <serial type='pty'>
      <source path='/dev/pts/3'/>
      <log file='/var/log/guest.log' append='off'/>
      <target type='isa-serial' port='0'>
        <model name='isa-serial'/>
      </target>
      <alias name='serial0'/>
    </serial>
    <serial type='file'>
      <source path='/tmp/out' append='on'/>
      <target port='1'/>
    </serial>
    <console type='pty' tty='/dev/pts/3'>
      <source path='/dev/pts/3'/>
      <target type='serial' port='0'/>
      <alias name='serial0'/>
    </console>
    <memballoon model='none'/>
    <rng model='virtio'>
      <backend model='random'>/dev/random</backend>
      <alias name='rng0'/>
    </rng>
    <panic model='isa'/>
  </devices>
</domain>
"""

SMALL = "<domain type='kvm'><name>g</name><memory>1024</memory><os><type>hvm</type></os></domain>"


def small(more: str = "", *, devices: str = "", os: str = "") -> str:
    """The least domain with more in it."""
    text = SMALL.replace("</os>", f"{os}</os>{more}")
    return text.replace("</domain>", f"<devices>{devices}</devices></domain>") if devices else text
